/* write, select: a byte in a pipe that nobody reads */
#include "row.h"

#include <sys/select.h>

static int ends[2];

static void
before(void)
{
	must(pipe(ends) == 0);
}

static void
say(void)
{
	must(write(ends[1], "x", 1) == 1);
}

static void
hear(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	must(select(ends[0] + 1, &set, NULL, NULL, NULL) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
