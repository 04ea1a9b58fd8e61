/* close, read: the end of a pipe */
#include "row.h"

static int ends[2];

static void
before(void)
{
	must(pipe(ends) == 0);
}

static void
say(void)
{
	must(close(ends[1]) == 0);
}

static void
hear(void)
{
	char byte;

	must(read(ends[0], &byte, 1) == 0);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
