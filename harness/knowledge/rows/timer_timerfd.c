/* timerfd_settime, read: a timer that one thread sets and another waits for */
#include "row.h"

#include <stdint.h>
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
	uint64_t times;

	must(read(timer, &times, sizeof times) == sizeof times);
}

static void
after(void)
{
	must(close(timer) == 0);
}

MESSAGE_ROW(before, say, hear, after)
