/* timerfd_settime, poll: the same, polled for */
#include "row.h"

#include <poll.h>
#include <sys/timerfd.h>

static int timer;

static void
before(void)
{
	timer = timerfd_create(CLOCK_MONOTONIC, 0);
	must(timer >= 0);
}

static void
say(void)
{
	struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};

	must(timerfd_settime(timer, 0, &soon, NULL) == 0);
}

static void
hear(void)
{
	struct pollfd wait = {.fd = timer, .events = POLLIN};

	must(poll(&wait, 1, -1) == 1);
}

static void
after(void)
{
	must(close(timer) == 0);
}

MESSAGE_ROW(before, say, hear, after)
