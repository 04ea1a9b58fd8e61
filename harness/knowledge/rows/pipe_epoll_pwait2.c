/* write, epoll_pwait2: a byte in a pipe that nobody reads */
#include "row.h"

#include <sys/epoll.h>

static int ends[2];
static int set;

static void
before(void)
{
	struct epoll_event event = {.events = EPOLLIN};

	must(pipe(ends) == 0);
	set = epoll_create1(0);
	must(set >= 0);
	must(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == 0);
}

static void
say(void)
{
	must(write(ends[1], "x", 1) == 1);
}

static void
hear(void)
{
	struct epoll_event event;

	must(epoll_pwait2(set, &event, 1, NULL, NULL) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
	must(close(set) == 0);
}

MESSAGE_ROW(before, say, hear, after)
