/* dprintf, read: words through a pipe */
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
	must(dprintf(ends[1], "%d", 1) == 1);
}

static void
hear(void)
{
	char byte;

	must(read(ends[0], &byte, 1) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
