/* atomic_compare_exchange_weak: a flag, passed on by comparing */
#include "row.h"

#include <sched.h>
#include <stdatomic.h>

static atomic_int said;

static void
say(void)
{
	int no = 0;

	while (!atomic_compare_exchange_weak_explicit(
	    &said, &no, 1, memory_order_release, memory_order_relaxed))
		no = 0;
}

static void
hear(void)
{
	int yes = 1;

	while (!atomic_compare_exchange_weak_explicit(
	    &said, &yes, 2, memory_order_acquire, memory_order_relaxed)) {
		yes = 1;
		sched_yield();
	}
}

MESSAGE_ROW(nothing, say, hear, nothing)
