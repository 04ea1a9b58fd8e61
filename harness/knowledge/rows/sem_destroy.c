/* sem_destroy: as soon as the only wait has returned */
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
	must(sem_wait(&sem) == 0);
	must(sem_destroy(&sem) == 0);
}

MESSAGE_ROW(before, say, hear, nothing)
