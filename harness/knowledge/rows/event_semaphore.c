/* EFD_SEMAPHORE: an event descriptor as a lock */
#include "row.h"

#include <sys/eventfd.h>

static int event;

static void
before(void)
{
	event = eventfd(1, EFD_SEMAPHORE);
	must(event >= 0);
}

static void
take(void)
{
	eventfd_t value;

	must(eventfd_read(event, &value) == 0);
}

static void
give(void)
{
	must(eventfd_write(event, 1) == 0);
}

static void
after(void)
{
	must(close(event) == 0);
}

LOCK_ROW(before, take, give, after)
