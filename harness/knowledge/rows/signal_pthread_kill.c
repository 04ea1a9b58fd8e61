/* pthread_kill, sigwait: a signal to a thread */
#include "row.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

/* Told without any order: nothing else is handed over that way. */
static atomic_uintptr_t hearer;

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
	int got;

	be_known();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigwait(&set, &got) == 0);
}

MESSAGE_ROW(before, say, hear, nothing)
