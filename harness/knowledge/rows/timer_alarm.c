/* alarm, sigwait: the process's alarm, a second away */
#include "row.h"

#include <signal.h>

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
	alarm(1);
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
