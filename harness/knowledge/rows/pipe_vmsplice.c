/* vmsplice, read: a page's byte, lent to a pipe */
#include "row.h"

#include <fcntl.h>
#include <sys/uio.h>

static int ends[2];
static char page = 'x';

static void
before(void)
{
	must(pipe(ends) == 0);
}

static void
say(void)
{
	struct iovec part = {.iov_base = &page, .iov_len = 1};

	must(vmsplice(ends[1], &part, 1, 0) == 1);
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
