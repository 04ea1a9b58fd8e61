/* atomic_flag_test_and_set, atomic_flag_clear: a lock of one's own */
#include "row.h"

#include <sched.h>
#include <stdatomic.h>

static atomic_flag flag = ATOMIC_FLAG_INIT;

static void
take(void)
{
	while (atomic_flag_test_and_set_explicit(&flag, memory_order_acquire))
		sched_yield();
}

static void
give(void)
{
	atomic_flag_clear_explicit(&flag, memory_order_release);
}

LOCK_ROW(nothing, take, give, nothing)
