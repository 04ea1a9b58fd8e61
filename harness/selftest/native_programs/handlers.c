/*
 * Signal handlers of each form, for what a handler must not call. Most of the
 * program's own calls are unsafe, too: it prints, while the signal may come.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t came;
static sigjmp_buf back;

static void
prints(int number)
{
	fprintf(stderr, "%d\n", number);
	came = 1;
}

static void
locks(int number)
{
	(void)number;
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	came = 1;
}

static void
writes(int number)
{
	int saved = errno;

	(void)number;
	if (write(STDERR_FILENO, "", 0) == 0)
		came = 1;
	errno = saved;
}

static void
jumps(int number)
{
	(void)number;
	came = 1;
	siglongjmp(back, 1);
}

static void
catch_with(void (*handler)(int), int number)
{
	struct sigaction action = {.sa_handler = handler};

	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

static void
mask(int how, int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(how, &set, NULL);
}

static void
say(void)
{
	fflush(stderr); /* amid which it can come */
}

static void *
kill_main(void *thread)
{
	while (!came) {
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
		usleep(1000);
	}
	return NULL;
}

/* Has another thread send SIGUSR1 until its handler has run, while waiting. */
static void
meet(bool by_mask)
{
	pthread_t main_thread = pthread_self(), other;
	sigset_t none;

	sigemptyset(&none);
	pthread_create(&other, NULL, kill_main, &main_thread);
	while (!came)
		by_mask ? ppoll(NULL, 0, NULL, &none) : poll(NULL, 0, 10);
	mask(SIG_BLOCK, SIGUSR1);
	pthread_join(other, NULL);
}

static void
usual(void (*handler)(int))
{
	catch_with(handler, SIGUSR1);
	say();
	meet(false);
}

/* The signal is open in ppoll only. */
static void
in_ppoll(void)
{
	mask(SIG_BLOCK, SIGUSR1);
	catch_with(prints, SIGUSR1);
	say();
	meet(true);
}

/* It is open around poll only, where nothing unsafe is called. */
static void
around_poll(void)
{
	pthread_t main_thread = pthread_self(), other;

	mask(SIG_BLOCK, SIGUSR1);
	catch_with(prints, SIGUSR1);
	say();
	pthread_create(&other, NULL, kill_main, &main_thread);
	mask(SIG_UNBLOCK, SIGUSR1);
	while (!came)
		poll(NULL, 0, 10);
	mask(SIG_BLOCK, SIGUSR1);
	pthread_join(other, NULL);
	say();
}

static void
raised(void)
{
	catch_with(prints, SIGUSR1);
	say();
	raise(SIGUSR1);
}

/* After a jump out of a handler the thread may print again. */
static void
after_jump(void)
{
	catch_with(jumps, SIGUSR1);
	if (sigsetjmp(back, 1) == 0)
		meet(false);
	say();
}

/* The handler that printed is gone before anything unsafe is called. */
static void
taken_away(void)
{
	mask(SIG_BLOCK, SIGUSR1);
	catch_with(prints, SIGUSR1);
	catch_with(SIG_DFL, SIGUSR1);
	mask(SIG_UNBLOCK, SIGUSR1);
	say();
	mask(SIG_BLOCK, SIGUSR1);
	catch_with(prints, SIGUSR1);
	meet(true);
}

int
main(int argc, char *argv[])
{
	const char *form = argc > 1 ? argv[1] : "";

	if (!strcmp(form, "prints"))
		usual(prints);
	else if (!strcmp(form, "locks"))
		usual(locks);
	else if (!strcmp(form, "writes"))
		usual(writes);
	else if (!strcmp(form, "in-ppoll"))
		in_ppoll();
	else if (!strcmp(form, "around-poll"))
		around_poll();
	else if (!strcmp(form, "raised"))
		raised();
	else if (!strcmp(form, "after-jump"))
		after_jump();
	else if (!strcmp(form, "taken-away"))
		taken_away();
	else
		return 2;
	return came ? 0 : 3;
}
