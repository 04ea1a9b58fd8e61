/* setitimer, sigwait: the process's own timer */
#include "row.h"

#include <signal.h>
#include <sys/time.h>

static void
before(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

static void
say(void)
{
	struct itimerval soon = {.it_value = {.tv_usec = 1000}};

	must(setitimer(ITIMER_REAL, &soon, NULL) == 0);
}

static void
hear(void)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	must(sigwait(&set, &got) == 0);
}

MESSAGE_ROW(before, say, hear, nothing)
