/* flockfile, funlockfile: a stream's own lock, held for a variable */
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
