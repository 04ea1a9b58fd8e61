/* atomic_thread_fence, release and acquire: around a relaxed flag */
#include "row.h"

#include <sched.h>
#include <stdatomic.h>

static atomic_int said;

static void
say(void)
{
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&said, 1, memory_order_relaxed);
}

static void
hear(void)
{
	while (!atomic_load_explicit(&said, memory_order_relaxed))
		sched_yield();
	atomic_thread_fence(memory_order_acquire);
}

MESSAGE_ROW(nothing, say, hear, nothing)
