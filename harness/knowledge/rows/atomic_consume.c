/* memory_order_consume: a flag, read as compilers read it: acquire */
#include "row.h"

#include <sched.h>
#include <stdatomic.h>

static atomic_int said;

static void
say(void)
{
	atomic_store_explicit(&said, 1, memory_order_release);
}

static void
hear(void)
{
	while (!atomic_load_explicit(&said, memory_order_consume))
		sched_yield();
}

MESSAGE_ROW(nothing, say, hear, nothing)
