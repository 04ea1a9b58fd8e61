/* read, write: a full pipe, waited for until another makes room */
#include "row.h"

#include <fcntl.h>

static int ends[2];

static void
before(void)
{
	char bytes[4096] = {0};

	must(pipe(ends) == 0);
	must(fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096);
	must(write(ends[1], bytes, sizeof bytes) == sizeof bytes);
}

static void
say(void)
{
	char bytes[4096];

	must(read(ends[0], bytes, sizeof bytes) == sizeof bytes);
}

static void
hear(void)
{
	must(write(ends[1], "x", 1) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
