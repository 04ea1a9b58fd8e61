/* flockfile(stdout): the lock of a stream that every program has */
#include "row.h"

static void
take(void)
{
	flockfile(stdout);
}

static void
give(void)
{
	funlockfile(stdout);
}

LOCK_ROW(nothing, take, give, nothing)
