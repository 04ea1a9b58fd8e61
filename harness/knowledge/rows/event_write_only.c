/* eventfd_write, read: said by its own call only */
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
	must(eventfd_write(event, 1) == 0);
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
