/* sem_clockwait, ETIMEDOUT: no message in time, then one */
#include "row.h"

#include <semaphore.h>

static sem_t sem;

static void
before(void)
{
	must(sem_init(&sem, 0, 0) == 0);
}

static void
say(void)
{
	must(sem_post(&sem) == 0);
}

static void
hear(void)
{
	struct timespec until;

	do
		until = in_ms(CLOCK_MONOTONIC, 1);
	while (sem_clockwait(&sem, CLOCK_MONOTONIC, &until) != 0 &&
	    errno == ETIMEDOUT);
}

MESSAGE_ROW(before, say, hear, nothing)
