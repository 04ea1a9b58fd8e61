/* flockfile, funlockfile: a stream's own lock, held for a variable */
#include "row.h"

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
	flockfile(stream);
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
