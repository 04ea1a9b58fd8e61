/* eventfd_write, eventfd_read: an event descriptor by its own calls */
#include "row.h"

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
	eventfd_t value;

	must(eventfd_read(event, &value) == 0);
}

static void
after(void)
{
	must(close(event) == 0);
}

MESSAGE_ROW(before, say, hear, after)
