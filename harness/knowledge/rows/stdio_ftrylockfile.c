/* ftrylockfile: the same, asked for until it is free */
#include "row.h"

#include <sched.h>

static void
take(void)
{
	while (ftrylockfile(stdout) != 0)
		sched_yield();
}

static void
give(void)
{
	funlockfile(stdout);
}

LOCK_ROW(nothing, take, give, nothing)
