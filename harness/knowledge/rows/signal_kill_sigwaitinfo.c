/* kill, sigwaitinfo: a signal to the process */
#include "row.h"

#include <signal.h>

static void
before(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

static void
say(void)
{
	must(kill(getpid(), SIGUSR1) == 0);
}

static void
hear(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	while (sigwaitinfo(&set, NULL) != SIGUSR1)
		must(errno == EINTR);
}

MESSAGE_ROW(before, say, hear, nothing)
