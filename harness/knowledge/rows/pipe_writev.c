/* writev, readv: a byte through a pipe */
#include "row.h"

#include <sys/uio.h>

static int ends[2];

static void
before(void)
{
	must(pipe(ends) == 0);
}

static void
say(void)
{
	struct iovec part = {.iov_base = "x", .iov_len = 1};

	must(writev(ends[1], &part, 1) == 1);
}

static void
hear(void)
{
	char byte;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};

	must(readv(ends[0], &part, 1) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
