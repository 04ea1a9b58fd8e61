/* sem_trywait: a message, asked for until it is there */
#include "row.h"

#include <sched.h>
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
	while (sem_trywait(&sem) != 0)
		must(errno == EAGAIN && sched_yield() == 0);
}

MESSAGE_ROW(before, say, hear, nothing)
