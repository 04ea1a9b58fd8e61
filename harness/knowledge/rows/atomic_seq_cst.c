/* atomic_store, atomic_load: a flag in the strictest order */
#include "row.h"

#include <sched.h>
#include <stdatomic.h>

static atomic_int said;

static void
say(void)
{
	atomic_store(&said, 1);
}

static void
hear(void)
{
	while (!atomic_load(&said))
		sched_yield();
}

MESSAGE_ROW(nothing, say, hear, nothing)
