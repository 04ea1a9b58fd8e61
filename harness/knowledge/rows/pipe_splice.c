/* write, splice: a byte moved from one pipe to another */
#include "row.h"

#include <fcntl.h>

static int ends[2], onward[2];

static void
before(void)
{
	must(pipe(ends) == 0);
	must(pipe(onward) == 0);
}

static void
say(void)
{
	must(write(ends[1], "x", 1) == 1);
	must(splice(ends[0], NULL, onward[1], NULL, 1, 0) == 1);
}

static void
hear(void)
{
	char byte;

	must(read(onward[0], &byte, 1) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
	must(close(onward[0]) == 0);
	must(close(onward[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
