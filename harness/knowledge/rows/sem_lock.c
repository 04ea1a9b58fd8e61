/* sem_wait, sem_post: a lock */
#include "row.h"

#include <semaphore.h>

static sem_t sem;

static void
before(void)
{
	must(sem_init(&sem, 0, 1) == 0);
}

static void
take(void)
{
	must(sem_wait(&sem) == 0);
}

static void
give(void)
{
	must(sem_post(&sem) == 0);
}

static void
after(void)
{
	must(sem_destroy(&sem) == 0);
}

LOCK_ROW(before, take, give, after)
