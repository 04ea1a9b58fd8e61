/* pthread_kill, sigsuspend: a handler that runs in the thread it is sent to */
#include "row.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

/* Told without any order: nothing else is handed over that way. */
static atomic_uintptr_t hearer;

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
	pthread_t who;

	while ((who = atomic_load_explicit(&hearer, memory_order_relaxed)) == 0)
		sched_yield();
	must(pthread_kill(who, SIGUSR1) == 0);
}

static void
be_known(void)
{
	atomic_store_explicit(&hearer, pthread_self(), memory_order_relaxed);
}

static void
hear(void)
{
	sigset_t set;

	be_known();
	must(pthread_sigmask(SIG_BLOCK, NULL, &set) == 0);
	sigdelset(&set, SIGUSR1);
	while (!got)
		sigsuspend(&set);
}

MESSAGE_ROW(before, say, hear, nothing)
