/* atomic_fetch_add, atomic_load: a lock that is taken by turns */
#include "row.h"

#include <sched.h>
#include <stdatomic.h>

static atomic_uint next, now_serving;

static void
take(void)
{
	unsigned mine =
	    atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);

	while (atomic_load_explicit(&now_serving, memory_order_acquire) != mine)
		sched_yield();
}

static void
give(void)
{
	atomic_fetch_add_explicit(&now_serving, 1, memory_order_release);
}

LOCK_ROW(nothing, take, give, nothing)
