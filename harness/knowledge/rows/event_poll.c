/* eventfd_write, poll: an event that nobody reads */
#include "row.h"

#include <poll.h>
#include <sys/eventfd.h>

static int event;

static void
before(void)
{
	event = eventfd(0, 0);
	must(event >= 0);
}

static void
say(void)
{
	must(eventfd_write(event, 1) == 0);
}

static void
hear(void)
{
	struct pollfd wait = {.fd = event, .events = POLLIN};

	must(poll(&wait, 1, -1) == 1);
}

static void
after(void)
{
	must(close(event) == 0);
}

MESSAGE_ROW(before, say, hear, after)
