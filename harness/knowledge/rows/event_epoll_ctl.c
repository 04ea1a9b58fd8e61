/* epoll_ctl, epoll_wait: what was written before a descriptor was added */
#include "row.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

static int event, set;

static void
before(void)
{
	event = eventfd(1, 0);
	set = epoll_create1(0);
	must(event >= 0 && set >= 0);
}

static void
say(void)
{
	struct epoll_event ready = {.events = EPOLLIN};

	must(epoll_ctl(set, EPOLL_CTL_ADD, event, &ready) == 0);
}

static void
hear(void)
{
	struct epoll_event ready;

	must(epoll_wait(set, &ready, 1, -1) == 1);
}

static void
after(void)
{
	must(close(set) == 0);
	must(close(event) == 0);
}

MESSAGE_ROW(before, say, hear, after)
