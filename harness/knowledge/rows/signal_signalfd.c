/* kill, signalfd: a signal, read from a descriptor */
#include "row.h"

#include <signal.h>
#include <sys/signalfd.h>

static int signals;

static void
before(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	signals = signalfd(-1, &set, 0);
	must(signals >= 0);
}

static void
say(void)
{
	must(kill(getpid(), SIGUSR1) == 0);
}

static void
hear(void)
{
	struct signalfd_siginfo info;

	must(read(signals, &info, sizeof info) == sizeof info);
}

static void
after(void)
{
	must(close(signals) == 0);
}

MESSAGE_ROW(before, say, hear, after)
