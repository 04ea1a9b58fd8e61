/* tgkill, sigwait: a signal to a thread by its kernel's number */
#include "row.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_int hearer;

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
	int who;

	while ((who = atomic_load_explicit(&hearer, memory_order_relaxed)) == 0)
		sched_yield();
	must(tgkill(getpid(), who, SIGUSR1) == 0);
}

static void
hear(void)
{
	sigset_t set;
	int got;

	atomic_store_explicit(&hearer, gettid(), memory_order_relaxed);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigwait(&set, &got) == 0);
}

MESSAGE_ROW(before, say, hear, nothing)
