/* write, read: an event descriptor */
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
	uint64_t value;

	must(read(event, &value, sizeof value) == sizeof value);
}

static void
after(void)
{
	must(close(event) == 0);
}

MESSAGE_ROW(before, say, hear, after)
