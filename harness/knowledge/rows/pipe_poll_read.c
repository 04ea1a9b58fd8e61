/* write, poll, read: a byte, polled for without a wait until it is there */
#include "row.h"

#include <poll.h>
#include <sched.h>

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
	struct pollfd wait = {.fd = ends[0], .events = POLLIN};
	char byte;

	while (poll(&wait, 1, 0) == 0)
		sched_yield();
	must(read(ends[0], &byte, 1) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
