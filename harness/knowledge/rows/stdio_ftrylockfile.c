/* ftrylockfile: the same, asked for until it is free */
#include "row.h"

#include <sched.h>

static FILE *stream;

static void
before(void)
{
	stream = fopen("/dev/null", "w");
	must(stream != NULL);
}

static void
take(void)
{
	while (ftrylockfile(stream) != 0)
		sched_yield();
}

static void
give(void)
{
	funlockfile(stream);
}

static void
after(void)
{
	must(fclose(stream) == 0);
}

LOCK_ROW(before, take, give, after)
