/* sem_timedwait: a message, waited for until a time */
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
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);

	must(sem_timedwait(&sem, &until) == 0);
}

MESSAGE_ROW(before, say, hear, nothing)
