/*
 * flights - does what the flight recorder shall have on record afterwards
 *
 *	flights calls | spin | cycle | overrun | blocked | handed-on |
 *		handler | jump | polls | patient | end WAY
 *
 * In "calls", the comment behind a call says what is recorded of it: its name,
 * its result (+ for a number above 0, * for any) and its error.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const struct timespec past = {1, 0}, soon = {0, 1000000};
static const int one = 1;
static char bytes[8];
static int pair[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void *
nothing(void *argument)
{
	return argument;
}

/* -- calls ----------------------------------------------------------------- */

static void
sockets(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET};
	struct sockaddr *to = (struct sockaddr *)&here;
	socklen_t len = sizeof here;
	struct pollfd end;
	int listener, client, fd;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* clang-format off */
	listener = socket(AF_INET, SOCK_STREAM, 0); /* = socket + */
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, 4); /* = setsockopt 0 */
	bind(listener, to, len); /* = bind 0 */
	getpeername(listener, to, &len); /* = getpeername -1 ENOTCONN */
	getsockname(listener, to, &len); /* = getsockname 0 */
	accept(listener, NULL, NULL); /* = accept -1 EINVAL */
	listen(listener, 5); /* = listen 0 */
	client = socket(AF_INET, SOCK_STREAM, 0); /* = socket + */
	connect(client, to, len); /* = connect 0 */
	fd = accept(listener, NULL, NULL); /* = accept + */
	getpeername(fd, to, &len); /* = getpeername 0 */
	send(client, "abc", 3, 0); /* = send 3 */
	end = (struct pollfd){.fd = fd, .events = POLLIN};
	poll(&end, 1, -1); /* = poll 1 */
	recv(fd, bytes, 2, 0); /* = recv 2 */
	read(fd, bytes, 2); /* = read 1 */
	recv(fd, bytes, 2, MSG_DONTWAIT); /* = recv -1 EAGAIN */
	write(fd, "d", 1); /* = write 1 */
	shutdown(client, SHUT_WR); /* = shutdown 0 */
	recv(fd, bytes, 2, 0); /* = recv 0 */
	dprintf(fd, "%s", "ef"); /* = dprintf 2 */
	close(fd); /* = close 0 */
	close(fd); /* = close -1 EBADF */
	send(fd, "abc", 3, MSG_NOSIGNAL); /* = send -1 EBADF */
	close(client); /* = close 0 */
	close(listener); /* = close 0 */
	/* clang-format on */
}

static void
files(void)
{
	char name[] = "/tmp/flights.XXXXXX", other[32];
	int fd = mkstemp(name);
	FILE *stream;

	snprintf(other, sizeof other, "%s.b", name);
	/* clang-format off */
	lseek(fd, 3, SEEK_SET); /* = lseek 3 */
	ftruncate(fd, 9); /* = ftruncate 0 */
	rename(name, other); /* = rename 0 */
	open(name, O_RDONLY); /* = open -1 ENOENT */
	stream = fopen(other, "r"); /* = fopen + */
	fgets(bytes, 4, stream); /* = fgets 0 */
	fclose(stream); /* = fclose 0 */
	unlink(other); /* = unlink 0 */
	unlink(other); /* = unlink -1 ENOENT */
	/* clang-format on */
	close(fd);
}

static void
locks(void)
{
	pthread_rwlock_t lock;
	pthread_spinlock_t spin;
	pthread_mutex_t own;
	sem_t sem;

	/* clang-format off */
	pthread_mutex_init(&own, NULL); /* = pthread_mutex_init 0 */
	pthread_mutex_lock(&own); /* = pthread_mutex_lock 0 */
	pthread_mutex_trylock(&own); /* = pthread_mutex_trylock 16 EBUSY */
	pthread_mutex_timedlock(&own, &past); /* = pthread_mutex_timedlock 110 ETIMEDOUT */
	pthread_cond_timedwait(&cond, &own, &past); /* = pthread_cond_timedwait 110 ETIMEDOUT */
	pthread_cond_signal(&cond); /* = pthread_cond_signal 0 */
	pthread_cond_broadcast(&cond); /* = pthread_cond_broadcast 0 */
	pthread_mutex_unlock(&own); /* = pthread_mutex_unlock 0 */
	pthread_mutex_destroy(&own); /* = pthread_mutex_destroy 0 */
	pthread_rwlock_init(&lock, NULL); /* = pthread_rwlock_init 0 */
	pthread_rwlock_rdlock(&lock); /* = pthread_rwlock_rdlock 0 */
	pthread_rwlock_trywrlock(&lock); /* = pthread_rwlock_trywrlock 16 EBUSY */
	pthread_rwlock_unlock(&lock); /* = pthread_rwlock_unlock 0 */
	pthread_rwlock_wrlock(&lock); /* = pthread_rwlock_wrlock 0 */
	pthread_rwlock_unlock(&lock); /* = pthread_rwlock_unlock 0 */
	pthread_rwlock_destroy(&lock); /* = pthread_rwlock_destroy 0 */
	pthread_spin_init(&spin, 0); /* = pthread_spin_init 0 */
	pthread_spin_lock(&spin); /* = pthread_spin_lock 0 */
	pthread_spin_unlock(&spin); /* = pthread_spin_unlock 0 */
	sem_init(&sem, 0, 1); /* = sem_init 0 */
	sem_wait(&sem); /* = sem_wait 0 */
	sem_trywait(&sem); /* = sem_trywait -1 EAGAIN */
	sem_timedwait(&sem, &past); /* = sem_timedwait -1 ETIMEDOUT */
	sem_post(&sem); /* = sem_post 0 */
	sem_destroy(&sem); /* = sem_destroy 0 */
	/* clang-format on */
}

static void
threads(void)
{
	pthread_t thread;
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	/* clang-format off */
	pthread_create(&thread, NULL, nothing, NULL); /* = pthread_create 0 */
	pthread_join(thread, NULL); /* = pthread_join 0 */
	pthread_create(&thread, NULL, nothing, NULL); /* = pthread_create 0 */
	pthread_detach(thread); /* = pthread_detach 0 */
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* = pthread_sigmask 0 */
	pthread_kill(pthread_self(), SIGUSR1); /* = pthread_kill 0 */
	sigwait(&set, &number); /* = sigwait 0 */
	kill(getpid(), 0); /* = kill 0 */
	nanosleep(&soon, NULL); /* = nanosleep 0 */
	clock_nanosleep(CLOCK_MONOTONIC, 0, &soon, NULL); /* = clock_nanosleep 0 */
	usleep(10); /* = usleep 0 */
	poll(NULL, 0, 1); /* = poll 0 */
	/* clang-format on */
}

static void
calls(void)
{
	sockets();
	files();
	locks();
	threads();
}

/* -- loops ----------------------------------------------------------------- */

static void
spin(void)
{
	int i;

	shutdown(pair[1], SHUT_WR);
	for (i = 0; i < 1000000; i++)
		recv(pair[0], bytes, sizeof bytes, 0);
}

/* A loop of four calls, done a thousand times. */
static void
cycle(void)
{
	int i;

	for (i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		send(pair[1], "abc", 3, 0);
		recv(pair[0], bytes, 3, 0);
	}
}

/* More calls than there is room for, each another. */
static void
overrun(void)
{
	int fd = open("/proc/self/exe", O_RDONLY), i;

	for (i = 0; i < 10000; i++) {
		pthread_mutex_lock(&mutex);
		lseek(fd, i, SEEK_SET);
		pthread_mutex_unlock(&mutex);
	}
}

/* -- threads that wait ------------------------------------------------------ */

static void *
receives(void *argument)
{
	pthread_mutex_lock(&mutex);
	recv(pair[0], bytes, sizeof bytes, 0); /* waits */
	return argument;
}

static void
blocked(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, receives, NULL);
	pthread_join(thread, NULL);
}

/* Waits that end by a clock: a poll, and a socket's own patience. */
static void
polls(void)
{
	struct pollfd end = {.fd = pair[0], .events = POLLIN};

	poll(&end, 1, 60000);
}

static void
patient(void)
{
	struct timeval minute = {60, 0};

	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute);
	recv(pair[0], bytes, sizeof bytes, 0);
}

/* A thread closes what another still uses, and the number is given again. */
static void *
closes(void *argument)
{
	close(pair[0]); /* too early */
	return argument;
}

static void
handed_on(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, closes, NULL);
	pthread_join(thread, NULL);
	if (socket(AF_INET, SOCK_STREAM, 0) != pair[0])
		errx(1, "another number");
	recv(pair[0], bytes, sizeof bytes, 0);
}

/* -- signals ---------------------------------------------------------------- */

static sigjmp_buf before;
static volatile sig_atomic_t jumps;

static void
on_signal(int number)
{ /* handles */
	send(pair[1], "abc", 3, 0);
	if (jumps)
		siglongjmp(before, number);
}

static void *
sends_signal(void *main_thread)
{
	const struct timespec moment = {0, 50000000};

	nanosleep(&moment, NULL);
	pthread_kill(*(pthread_t *)main_thread, SIGUSR1);
	return NULL;
}

/* A signal comes while main waits for a pipe that nobody writes to. */
static void
handler(void)
{
	struct sigaction action = {.sa_handler = on_signal}, old;
	pthread_t self = pthread_self(), thread;
	int ends[2];

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR1, NULL, &old);
	if (old.sa_handler != on_signal || old.sa_flags & SA_SIGINFO)
		errx(1, "another handler");
	if (signal(SIGUSR2, on_signal) != SIG_DFL ||
	    signal(SIGUSR2, SIG_IGN) != on_signal ||
	    signal(SIGUSR2, on_signal) != SIG_IGN)
		errx(1, "another handler of the other signal");
	if (pipe(ends) != 0)
		err(1, "pipe");
	pthread_create(&thread, NULL, sends_signal, &self);
	if (sigsetjmp(before, 1) == 0)
		read(ends[0], bytes, sizeof bytes);
	pthread_join(thread, NULL);
	if (!jumps)
		raise(SIGUSR2);
}

static void
jump(void)
{
	jumps = 1;
	handler();
}

/* -- the end of the process ------------------------------------------------ */

static void *
end(void *argument)
{
	const char *way = argument;

	if (strcmp(way, "exit") == 0)
		exit(3); /* ends */
	if (strcmp(way, "_exit") == 0)
		_exit(3); /* ends */
	if (strcmp(way, "_Exit") == 0)
		_Exit(3); /* ends */
	errno = EIO;
	if (strcmp(way, "err") == 0)
		err(3, "%s", way); /* ends */
	errx(3, "%s", way);        /* ends */
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} forms[] = {
	    {"calls", calls},
	    {"spin", spin},
	    {"cycle", cycle},
	    {"overrun", overrun},
	    {"blocked", blocked},
	    {"handed-on", handed_on},
	    {"handler", handler},
	    {"jump", jump},
	    {"polls", polls},
	    {"patient", patient},
	};
	pthread_t ender;
	size_t i;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		err(1, "socketpair");
	for (i = 0; argc > 1 && i < sizeof forms / sizeof forms[0]; i++)
		if (strcmp(argv[1], forms[i].name) == 0)
			forms[i].function();
	if (argc > 2 && strcmp(argv[1], "end") == 0 &&
	    pthread_create(&ender, NULL, end, argv[2]) == 0)
		pthread_join(ender, NULL);
	return 0;
}
