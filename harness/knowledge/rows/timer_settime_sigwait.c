/* timer_settime, sigwait: a timer that sends a signal */
#include "row.h"

#include <signal.h>

static timer_t timer;

static void
before(void)
{
	struct sigevent how = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	must(timer_create(CLOCK_MONOTONIC, &how, &timer) == 0);
}

static void
say(void)
{
	struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};

	must(timer_settime(timer, 0, &soon, NULL) == 0);
}

static void
hear(void)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigwait(&set, &got) == 0);
}

static void
after(void)
{
	must(timer_delete(timer) == 0);
}

MESSAGE_ROW(before, say, hear, after)
