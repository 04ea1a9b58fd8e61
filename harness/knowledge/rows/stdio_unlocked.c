/*
 * putc_unlocked, fputs_unlocked inside flockfile: the lock is held once for
 * all of them
 */
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
	putc_unlocked('a', stream);
	fputs_unlocked("line", stream);
	fwrite_unlocked("of", 1, 2, stream);
}

static void
give(void)
{
	putc_unlocked('\n', stream);
	fflush_unlocked(stream);
	funlockfile(stream);
}

static void
after(void)
{
	must(fclose(stream) == 0);
}

LOCK_ROW(before, take, give, after)
