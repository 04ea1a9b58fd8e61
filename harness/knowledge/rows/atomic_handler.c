/*
 * atomic_store in a signal handler: a handler sets a flag that another thread
 * reads
 */
#include "row.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_int got;

static void
handler(int number)
{
	atomic_store_explicit(&got, number, memory_order_release);
}

static void
before(void)
{
	struct sigaction action = {
	    .sa_handler = handler, .sa_flags = SA_RESTART};

	must(sigaction(SIGUSR1, &action, NULL) == 0);
}

static void
say(void)
{
	must(raise(SIGUSR1) == 0);
}

static void
hear(void)
{
	while (!atomic_load_explicit(&got, memory_order_acquire))
		sched_yield();
}

MESSAGE_ROW(before, say, hear, nothing)
