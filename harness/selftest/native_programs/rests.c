/*
 * rests - sleeps for good, or only looks like it
 *
 *	rests FORM
 *
 * The forms are the names of the table at the end: those above the line sleep
 * until something comes from outside, the others go on by themselves, if only
 * after a minute. It says "now" when it is about to sleep.
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MINUTE = 60 };

static const struct timespec minute = {MINUTE, 0};
static const struct itimerspec in_a_minute = {{0, 0}, {MINUTE, 0}};
static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t second = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t both;
static char bytes[8];
static int pipe_ends[2];

static void
start(void *(*routine)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, routine, NULL) != 0)
		errx(1, "pthread_create");
}

static void
reads(int fd)
{
	if (read(fd, bytes, sizeof bytes) < 0)
		err(1, "read");
}

static int
listener(int type)
{
	struct sockaddr_in here = {.sin_family = AF_INET};
	int fd = socket(AF_INET, type, 0);

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0)
		err(1, "bind");
	if (type == SOCK_STREAM && listen(fd, 5) < 0)
		err(1, "listen");
	return fd;
}

/* -- at rest ---------------------------------------------------------------- */

static void *
takes_second(void *argument)
{
	pthread_mutex_lock(&second);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&first);
	return argument;
}

static void
deadlock(void)
{
	pthread_barrier_init(&both, NULL, 2);
	start(takes_second);
	pthread_mutex_lock(&first);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&second);
}

static void
condition(void)
{
	pthread_mutex_lock(&first);
	pthread_cond_wait(&never, &first);
}

static void
semaphore(void)
{
	sem_t none;

	sem_init(&none, 0, 0);
	sem_wait(&none);
}

static void
own_pipe(void)
{
	reads(pipe_ends[0]);
}

static void
accepts(void)
{
	accept(listener(SOCK_STREAM), NULL, NULL);
}

static void
epolls(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int set = epoll_create1(0);

	epoll_ctl(set, EPOLL_CTL_ADD, listener(SOCK_STREAM), &event);
	epoll_wait(set, &event, 1, -1);
}

static void
polls_signals(void)
{
	struct pollfd end = {.events = POLLIN};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	end.fd = signalfd(-1, &set, 0);
	poll(&end, 1, -1);
}

static void
awaits_signal(void)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &number);
}

static void
selects(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pipe_ends[0], &set);
	select(pipe_ends[0] + 1, &set, NULL, NULL, NULL);
}

static void
event(void)
{
	reads(eventfd(0, 0));
}

/* -- only so it looks ------------------------------------------------------- */

static void
sleeps(void)
{
	nanosleep(&minute, NULL);
}

static void *
ticks(void *argument)
{
	for (;;)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &minute, NULL);
	return argument;
}

static void
other_sleeps(void)
{
	start(ticks);
	condition();
}

static void *
spins(void *argument)
{
	volatile int go_on = 1;

	while (go_on)
		continue;
	return argument;
}

static void
other_spins(void)
{
	start(spins);
	condition();
}

static void
polls(void)
{
	struct pollfd end = {.fd = pipe_ends[0], .events = POLLIN};

	poll(&end, 1, MINUTE * 1000);
}

static void
waits_in_time(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += MINUTE;
	pthread_mutex_lock(&first);
	pthread_cond_timedwait(&never, &first, &until);
}

static void
locks_in_time(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += MINUTE;
	pthread_mutex_lock(&first);
	pthread_mutex_timedlock(&first, &until);
}

static void
patient(void)
{
	struct timeval time = {MINUTE, 0};
	int fd = listener(SOCK_STREAM);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
	accept(fd, NULL, NULL);
}

static void
timer_descriptor(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	timerfd_settime(fd, 0, &in_a_minute, NULL);
	reads(fd);
}

static void
unseen_descriptor(void)
{
	int fd = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);

	syscall(SYS_timerfd_settime, fd, 0, &in_a_minute, NULL);
	reads(fd);
}

static void
unseen_timer(void)
{
	int timer;

	syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &timer);
	syscall(SYS_timer_settime, timer, 0, &in_a_minute, NULL);
	pause();
}

static void
calls(union sigval value)
{
	(void)value;
}

static void
timer_thread(void)
{
	struct sigevent how = {.sigev_notify = SIGEV_THREAD};
	timer_t timer;

	how.sigev_notify_function = calls;
	timer_create(CLOCK_MONOTONIC, &how, &timer);
	timer_settime(timer, 0, &in_a_minute, NULL);
	condition();
}

static void
alarms(void)
{
	alarm(MINUTE);
	awaits_signal();
}

static void
interval(void)
{
	struct itimerval time = {{0, 0}, {MINUTE, 0}};

	setitimer(ITIMER_REAL, &time, NULL);
	pause();
}

static void
watches_files(void)
{
	int fd = inotify_init();

	inotify_add_watch(fd, "/tmp", IN_CREATE);
	reads(fd);
}

static void
datagrams(void)
{
	recv(listener(SOCK_DGRAM), bytes, sizeof bytes, 0);
}

static void
child_writes(void)
{
	if (fork() == 0) {
		nanosleep(&minute, NULL);
		_exit(write(pipe_ends[1], "x", 1) != 1);
	}
	reads(pipe_ends[0]);
}

static void
awaits_child(void)
{
	if (fork() == 0) {
		nanosleep(&minute, NULL);
		_exit(0);
	}
	wait(NULL);
}

static const struct {
	const char *name;
	void (*form)(void);
} forms[] = {
    {"deadlock", deadlock},
    {"condition", condition},
    {"semaphore", semaphore},
    {"own-pipe", own_pipe},
    {"accepts", accepts},
    {"epolls", epolls},
    {"polls-signals", polls_signals},
    {"awaits-signal", awaits_signal},
    {"selects", selects},
    {"event", event},
    /* -- */
    {"sleeps", sleeps},
    {"other-sleeps", other_sleeps},
    {"other-spins", other_spins},
    {"polls", polls},
    {"waits-in-time", waits_in_time},
    {"locks-in-time", locks_in_time},
    {"patient", patient},
    {"timer-descriptor", timer_descriptor},
    {"unseen-descriptor", unseen_descriptor},
    {"unseen-timer", unseen_timer},
    {"timer-thread", timer_thread},
    {"alarms", alarms},
    {"interval", interval},
    {"watches-files", watches_files},
    {"datagrams", datagrams},
    {"child-writes", child_writes},
    {"awaits-child", awaits_child},
};

int
main(int argc, char **argv)
{
	size_t i;

	if (argc != 2 || pipe(pipe_ends) < 0)
		errx(2, "usage: rests FORM");
	for (i = 0; i < sizeof forms / sizeof *forms; i++)
		if (strcmp(argv[1], forms[i].name) == 0) {
			puts("now");
			fflush(stdout);
			forms[i].form();
			return 0;
		}
	errx(2, "no such form: %s", argv[1]);
}
