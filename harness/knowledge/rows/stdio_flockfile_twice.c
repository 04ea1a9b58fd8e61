/* flockfile: taken by its holder, and by the calls in between */
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
	flockfile(stream);
	fputs("twice\n", stream);
	funlockfile(stream);
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
