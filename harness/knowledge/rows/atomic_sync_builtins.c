/* __sync_fetch_and_add, __sync_bool_compare_and_swap: gcc's older functions of that kind */
#include "row.h"

#include <sched.h>
#include <stdatomic.h>

static int said;

static void
say(void)
{
	__sync_fetch_and_add(&said, 1);
}

static void
hear(void)
{
	while (!__sync_bool_compare_and_swap(&said, 1, 2))
		sched_yield();
}

MESSAGE_ROW(nothing, say, hear, nothing)
