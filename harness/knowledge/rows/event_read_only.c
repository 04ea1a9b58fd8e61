/* write, eventfd_read: heard by its own call only */
#include "row.h"

#include <stdint.h>
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
	uint64_t one = 1;

	must(write(event, &one, sizeof one) == sizeof one);
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
