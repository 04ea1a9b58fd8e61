/* sem_open, sem_close, sem_unlink: a semaphore with a name */
#include "row.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/stat.h>

static sem_t *sem;

static void
before(void)
{
	char name[32];

	snprintf(name, sizeof name, "/row-%ld", (long)getpid());
	sem = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
	must(sem != SEM_FAILED);
	must(sem_unlink(name) == 0);
}

static void
say(void)
{
	must(sem_post(sem) == 0);
}

static void
hear(void)
{
	must(sem_wait(sem) == 0);
}

static void
after(void)
{
	must(sem_close(sem) == 0);
}

MESSAGE_ROW(before, say, hear, after)
