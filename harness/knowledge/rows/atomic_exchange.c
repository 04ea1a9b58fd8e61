/* atomic_exchange: a flag that is taken away as it is read */
#include "row.h"

#include <sched.h>
#include <stdatomic.h>

static atomic_int said;

static void
say(void)
{
	atomic_exchange_explicit(&said, 1, memory_order_release);
}

static void
hear(void)
{
	while (!atomic_exchange_explicit(&said, 0, memory_order_acquire))
		sched_yield();
}

MESSAGE_ROW(nothing, say, hear, nothing)
