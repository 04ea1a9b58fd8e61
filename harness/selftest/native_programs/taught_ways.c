/*
 * A thread writes a plain variable and says so in a way that some tool does
 * not know; the main thread reads the variable when it has heard. The first
 * argument says which way; with a second one, `race`, the thread writes the
 * variable when it has said so already.
 */
#include "tcp_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>

static int payload;
static bool racing;

static pthread_t main_thread, worker_thread;
static int in_fd, out_fd;
static FILE *in, *out;
static mqd_t queue;
static timer_t timer;
static sem_t sem;
static struct sockaddr_un name = {.sun_family = AF_UNIX};
static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t *cond;
static bool told;
static atomic_bool flag;
static volatile sig_atomic_t handled;

static const struct timespec soon = {.tv_nsec = 1000000};

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static struct timespec
later(clockid_t clock)
{
	struct timespec until;

	clock_gettime(clock, &until);
	until.tv_sec += 60;
	return until;
}

/* -- channels --------------------------------------------------------------- */

static void
open_event(void)
{
	must((in_fd = out_fd = eventfd(0, 0)) >= 0);
}

static void
open_timer(void)
{
	must((in_fd = out_fd = timerfd_create(CLOCK_MONOTONIC, 0)) >= 0);
}

static void
open_pipe(void)
{
	int ends[2];

	must(pipe(ends) == 0);
	in_fd = ends[0];
	out_fd = ends[1];
	in = fdopen(in_fd, "r");
	out = fdopen(out_fd, "w");
}

static void
open_queue(void)
{
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8};
	char path[32];

	snprintf(path, sizeof path, "/taught-%d", (int)getpid());
	queue = mq_open(path, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	must(queue >= 0);
	mq_unlink(path);
}

static void
open_unix(void)
{
	must((in_fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	/* An abstract name: nothing of it is left. */
	snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "taught-%d",
	    (int)getpid());
	must(bind(in_fd, (struct sockaddr *)&name, sizeof name) == 0);
	must(listen(in_fd, 1) == 0);
}

/* Blocked in all threads: the thread is created after this. */
static void
block_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGALRM);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

static void
open_signalfd(void)
{
	sigset_t set;

	block_signal();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must((in_fd = signalfd(-1, &set, 0)) >= 0);
}

static void
open_posix_timer(void)
{
	struct sigevent event = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};

	block_signal();
	must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
}

static void
post(union sigval value)
{
	payload += value.sival_int;
	sem_post(&sem);
}

/* The timer calls a function, which tells on. */
static void
open_calling_timer(void)
{
	struct sigevent event = {
	    .sigev_notify = SIGEV_THREAD, .sigev_notify_function = post};

	sem_init(&sem, 0, 0);
	must(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
}

static void
hear_sem(void)
{
	sem_wait(&sem);
}

static void
handle(int number)
{
	(void)number;
	handled = 1;
}

static void
catch_signal(void)
{
	struct sigaction action = {.sa_handler = handle};

	must(sigaction(SIGUSR1, &action, NULL) == 0);
	block_signal();
	open_pipe();
}

static void
open_barrier(void)
{
	must(pthread_barrier_init(&barrier, NULL, 2) == 0);
}

static void
open_cond(void)
{
	must((cond = malloc(sizeof *cond)) != NULL);
	must(pthread_cond_init(cond, NULL) == 0);
}

static void
open_nothing(void)
{
}

/* -- saying ----------------------------------------------------------------- */

static void
say_event(void)
{
	must(eventfd_write(out_fd, 1) == 0);
}

static void
say_timer(void)
{
	struct itimerspec once = {.it_value = soon};

	must(timerfd_settime(out_fd, 0, &once, NULL) == 0);
}

static void
say_fputs(void)
{
	must(fputs("done\n", out) >= 0);
	must(fflush(out) == 0);
}

/* Line by line, the bytes go out with the newline. */
static void
say_putc(void)
{
	setvbuf(out, NULL, _IOLBF, 64);
	fputc('4', out);
	putc('2', out);
	putc_unlocked('\n', out);
}

static void
say_fwrite(void)
{
	setvbuf(out, NULL, _IONBF, 0);
	must(fwrite("42\n", 3, 1, out) == 1);
}

static void
say_fprintf(void)
{
	setvbuf(out, NULL, _IONBF, 0);
	must(fprintf(out, "%d\n", 42) == 3);
}

static void
say_dprintf(void)
{
	must(dprintf(out_fd, "%d\n", 42) == 3);
}

static void
say_fclose(void)
{
	must(fclose(out) == 0);
}

static void
say_splice(void)
{
	int ends[2];

	must(pipe(ends) == 0 && write(ends[1], "done\n", 5) == 5);
	must(splice(ends[0], NULL, out_fd, NULL, 5, 0) == 5);
}

static void
say_message(void)
{
	must(mq_send(queue, "done", 4, 0) == 0);
}

static void
say_message_timed(void)
{
	struct timespec until = later(CLOCK_REALTIME);

	must(mq_timedsend(queue, "done", 4, 0, &until) == 0);
}

static void
say_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	must(connect(fd, (struct sockaddr *)&name, sizeof name) == 0);
	close(fd);
}

static void
say_kill(void)
{
	must(kill(getpid(), SIGUSR1) == 0);
}

static void
say_pthread_kill(void)
{
	must(pthread_kill(main_thread, SIGUSR1) == 0);
}

static void
say_sigqueue(void)
{
	must(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 1}) == 0);
}

static void
say_posix_timer(void)
{
	struct itimerspec once = {.it_value = soon};

	must(timer_settime(timer, 0, &once, NULL) == 0);
}

static void
say_alarm(void)
{
	struct itimerval once = {.it_value = {.tv_usec = 1000}};

	must(setitimer(ITIMER_REAL, &once, NULL) == 0);
}

static void
say_fence(void)
{
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&flag, true, memory_order_relaxed);
}

static void
say_barrier(void)
{
	pthread_barrier_wait(&barrier);
}

/* Destroys it as soon as nobody can wait any more. */
static void
say_cond(void)
{
	pthread_mutex_lock(&mutex);
	told = true;
	pthread_cond_broadcast(cond);
	must(pthread_cond_destroy(cond) == 0);
	free(cond);
	pthread_mutex_unlock(&mutex);
}

/* By ending. */
static void
say_nothing(void)
{
}

/* -- hearing ---------------------------------------------------------------- */

static void
hear_event(void)
{
	eventfd_t value;

	must(eventfd_read(in_fd, &value) == 0);
}

static void
hear_read(void)
{
	uint64_t word[16];

	must(read(in_fd, word, sizeof word) > 0);
}

static void
hear_poll(void)
{
	struct pollfd wait = {.fd = in_fd, .events = POLLIN};

	must(poll(&wait, 1, -1) == 1);
}

static void
hear_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int set = epoll_create1(0);

	must(epoll_ctl(set, EPOLL_CTL_ADD, in_fd, &event) == 0);
	must(epoll_wait(set, &event, 1, -1) == 1);
}

static void
hear_fgets(void)
{
	char line[16];

	must(fgets(line, sizeof line, in) != NULL);
}

static void
hear_getline(void)
{
	char *line = NULL;
	size_t size = 0;

	must(getline(&line, &size, in) > 0);
	free(line);
}

static void
hear_getc(void)
{
	must(getc(in) != EOF);
}

static void
hear_getc_unlocked(void)
{
	must(getc_unlocked(in) != EOF);
}

static void
hear_fread(void)
{
	char bytes[3];

	must(fread(bytes, 1, sizeof bytes, in) == sizeof bytes);
}

static void
hear_fscanf(void)
{
	int value;

	must(fscanf(in, "%d", &value) == 1);
}

static void
hear_end(void)
{
	must(fgetc(in) == EOF);
}

static void
hear_message(void)
{
	char message[8];

	must(mq_receive(queue, message, sizeof message, NULL) == 4);
}

static void
hear_message_timed(void)
{
	struct timespec until = later(CLOCK_REALTIME);
	char message[8];

	must(
	    mq_timedreceive(queue, message, sizeof message, NULL, &until) == 4);
}

static void
hear_accept(void)
{
	must(accept(in_fd, NULL, NULL) >= 0);
}

static void
wanted(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGALRM);
}

static void
hear_sigwait(void)
{
	sigset_t set;
	int number;

	wanted(&set);
	must(sigwait(&set, &number) == 0);
}

static void
hear_sigwaitinfo(void)
{
	sigset_t set;
	siginfo_t info;

	wanted(&set);
	must(sigwaitinfo(&set, &info) == SIGUSR1);
}

static void
hear_sigtimedwait(void)
{
	struct timespec timeout = {.tv_sec = 60};
	sigset_t set;

	wanted(&set);
	must(sigtimedwait(&set, NULL, &timeout) == SIGUSR1);
}

static void
hear_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	while (!handled)
		sigsuspend(&none);
}

static void
hear_ppoll(void)
{
	sigset_t none;

	sigemptyset(&none);
	while (!handled)
		must(ppoll(NULL, 0, NULL, &none) == -1 && errno == EINTR);
}

static void
hear_pselect(void)
{
	sigset_t none;

	sigemptyset(&none);
	while (!handled)
		must(pselect(0, NULL, NULL, NULL, NULL, &none) == -1 &&
		    errno == EINTR);
}

static void
hear_fence(void)
{
	while (!atomic_load_explicit(&flag, memory_order_relaxed))
		nanosleep(&soon, NULL);
	atomic_thread_fence(memory_order_acquire);
}

/* The one that is told to destroys it, while the other may be coming out. */
static void
hear_barrier(void)
{
	pthread_barrier_wait(&barrier);
	must(pthread_barrier_destroy(&barrier) == 0);
}

static void
hear_cond(void)
{
	pthread_mutex_lock(&mutex);
	while (!told)
		pthread_cond_wait(cond, &mutex);
	pthread_mutex_unlock(&mutex);
}

static void
give_back(void *lock)
{
	must(told);
	must(pthread_mutex_unlock(lock) == 0);
}

/* Is cancelled while it waits, and gives the lock back itself. */
static void *
wait_for_ever(void *unused)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(give_back, &mutex);
	told = true;
	for (;;)
		pthread_cond_wait(cond, &mutex);
	pthread_cleanup_pop(1);
	return unused;
}

static void
open_cancel(void)
{
	pthread_t thread;
	bool waits = false;

	open_cond();
	must(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
	while (!waits) {
		pthread_mutex_lock(&mutex);
		waits = told;
		pthread_mutex_unlock(&mutex);
	}
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	told = false;
}

static void
hear_clockjoin(void)
{
	struct timespec until = later(CLOCK_MONOTONIC);

	must(pthread_clockjoin_np(
		 worker_thread, NULL, CLOCK_MONOTONIC, &until) == 0);
	worker_thread = main_thread;
}

static void
hear_timedjoin(void)
{
	struct timespec until = later(CLOCK_REALTIME);

	must(pthread_timedjoin_np(worker_thread, NULL, &until) == 0);
	worker_thread = main_thread;
}

static void
hear_tryjoin(void)
{
	while (pthread_tryjoin_np(worker_thread, NULL) != 0)
		nanosleep(&soon, NULL);
	worker_thread = main_thread;
}

/* -- all of them ------------------------------------------------------------ */

static const struct way {
	const char *name;
	void (*open)(void), (*say)(void), (*hear)(void);
} ways[] = {
    {"eventfd", open_event, say_event, hear_event},
    {"eventfd-poll", open_event, say_event, hear_poll},
    {"timerfd", open_timer, say_timer, hear_read},
    {"timerfd-epoll", open_timer, say_timer, hear_epoll},
    {"fputs", open_pipe, say_fputs, hear_fgets},
    {"fputs-read", open_pipe, say_fputs, hear_read},
    {"putc", open_pipe, say_putc, hear_getc},
    {"fwrite", open_pipe, say_fwrite, hear_fread},
    {"fprintf", open_pipe, say_fprintf, hear_fscanf},
    {"dprintf", open_pipe, say_dprintf, hear_getline},
    {"dprintf-unlocked", open_pipe, say_dprintf, hear_getc_unlocked},
    {"fclose", open_pipe, say_fclose, hear_end},
    {"splice", open_pipe, say_splice, hear_fgets},
    {"mq", open_queue, say_message, hear_message},
    {"mq-timed", open_queue, say_message_timed, hear_message_timed},
    {"connect", open_unix, say_connect, hear_accept},
    {"kill", block_signal, say_kill, hear_sigwait},
    {"pthread-kill", block_signal, say_pthread_kill, hear_sigwaitinfo},
    {"sigqueue", block_signal, say_sigqueue, hear_sigtimedwait},
    {"signalfd", open_signalfd, say_pthread_kill, hear_read},
    {"timer", open_posix_timer, say_posix_timer, hear_sigwait},
    {"timer-thread", open_calling_timer, say_posix_timer, hear_sem},
    {"setitimer", block_signal, say_alarm, hear_sigwait},
    {"sigsuspend", catch_signal, say_pthread_kill, hear_sigsuspend},
    {"ppoll", catch_signal, say_pthread_kill, hear_ppoll},
    {"pselect", catch_signal, say_pthread_kill, hear_pselect},
    {"fence", open_nothing, say_fence, hear_fence},
    {"barrier", open_barrier, say_barrier, hear_barrier},
    {"cond", open_cond, say_cond, hear_cond},
    {"cancel", open_cancel, say_cond, hear_cond},
    {"clockjoin", open_nothing, say_nothing, hear_clockjoin},
    {"timedjoin", open_nothing, say_nothing, hear_timedjoin},
    {"tryjoin", open_nothing, say_nothing, hear_tryjoin},
};

static const struct way *way;

static void *
worker(void *unused)
{
	if (!racing)
		payload = 42;
	way->say();
	if (racing)
		payload = 42;
	return unused;
}

int
main(int argc, char **argv)
{
	size_t i;
	int heard;

	for (i = 0; i < sizeof ways / sizeof ways[0]; i++)
		if (argc > 1 && strcmp(argv[1], ways[i].name) == 0)
			way = &ways[i];
	if (argc == 1)
		for (i = 0; i < sizeof ways / sizeof ways[0]; i++)
			puts(ways[i].name);
	if (!way)
		return argc > 1 ? 2 : 0;
	racing = argc > 2;
	main_thread = pthread_self();
	way->open();
	must(pthread_create(&worker_thread, NULL, worker, NULL) == 0);
	if (racing && strstr(way->name, "join"))
		payload = 0;
	way->hear();
	heard = payload;
	if (!pthread_equal(worker_thread, main_thread))
		pthread_join(worker_thread, NULL);
	return !racing && heard != 42;
}
