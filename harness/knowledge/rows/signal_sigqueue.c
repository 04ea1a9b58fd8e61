/* sigqueue, sigtimedwait: a signal to the process, with a value */
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
	union sigval value = {.sival_int = 1};

	must(sigqueue(getpid(), SIGUSR1, value) == 0);
}

static void
hear(void)
{
	sigset_t set;
	struct timespec minute = {.tv_sec = 60};

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	while (sigtimedwait(&set, NULL, &minute) != SIGUSR1)
		must(errno == EINTR);
}

MESSAGE_ROW(before, say, hear, nothing)
