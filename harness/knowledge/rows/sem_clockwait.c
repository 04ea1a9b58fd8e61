/* sem_clockwait: a message, waited for until a time of a clock */
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
	struct timespec until = IN_A_MINUTE(CLOCK_MONOTONIC);

	must(sem_clockwait(&sem, CLOCK_MONOTONIC, &until) == 0);
}

MESSAGE_ROW(before, say, hear, nothing)
