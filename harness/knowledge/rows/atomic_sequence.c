/*
 * memory_order_relaxed in a release sequence: another's increment in between
 * orders nothing away
 */
#include "row.h"

#include <sched.h>
#include <stdatomic.h>

static atomic_int said;

static void
say(void)
{
	atomic_store_explicit(&said, 1, memory_order_release);
	atomic_fetch_add_explicit(&said, 1, memory_order_relaxed);
}

static void
hear(void)
{
	while (atomic_load_explicit(&said, memory_order_acquire) < 2)
		sched_yield();
}

MESSAGE_ROW(nothing, say, hear, nothing)
