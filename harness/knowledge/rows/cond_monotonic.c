/*
 * pthread_condattr_setclock: a condition whose times are of the monotonic
 * clock
 */
#include "row.h"

#include <sched.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told;
static bool waits, is_told; /* under lock */

static void
before(void)
{
	pthread_condattr_t kind;

	must(pthread_condattr_init(&kind) == 0);
	must(pthread_condattr_setclock(&kind, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&told, &kind) == 0);
	must(pthread_condattr_destroy(&kind) == 0);
}

static void
say(void)
{
	/* Until the other waits: else the call would not be made at all. */
	must(pthread_mutex_lock(&lock) == 0);
	while (!waits) {
		must(pthread_mutex_unlock(&lock) == 0);
		sched_yield();
		must(pthread_mutex_lock(&lock) == 0);
	}
	is_told = true;
	must(pthread_cond_signal(&told) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
hear(void)
{
	struct timespec until = IN_A_MINUTE(CLOCK_MONOTONIC);

	must(pthread_mutex_lock(&lock) == 0);
	waits = true;
	while (!is_told)
		must(pthread_cond_timedwait(&told, &lock, &until) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
after(void)
{
	must(pthread_cond_destroy(&told) == 0);
}

MESSAGE_ROW(before, say, hear, after)
