/* kill, sigsuspend: a signal to the process whose handler runs where it may */
#include "row.h"

#include <signal.h>

static volatile sig_atomic_t got;

static void
handler(int number)
{
	got = number;
}

static void
before(void)
{
	struct sigaction action = {.sa_handler = handler};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	must(sigaction(SIGUSR1, &action, NULL) == 0);
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

	must(pthread_sigmask(SIG_BLOCK, NULL, &set) == 0);
	sigdelset(&set, SIGUSR1);
	while (!got)
		sigsuspend(&set);
}

MESSAGE_ROW(before, say, hear, nothing)
