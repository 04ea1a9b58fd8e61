/* pthread_detach(pthread_self()): a thread that detaches itself */
#include "row.h"

#include <semaphore.h>

static sem_t ended;
static int news, heard;

static void
say(void)
{
	if (!BROKEN)
		news = 1;
	must(sem_post(&ended) == 0);
	if (BROKEN)
		news = 1;
}

static void *
child(void *unused)
{
	must(pthread_detach(pthread_self()) == 0);
	say();
	return unused;
}

int
main(void)
{
	must(sem_init(&ended, 0, 0) == 0);
	row_start(child);
	while (sem_wait(&ended) != 0)
		must(errno == EINTR);
	heard = news;
	must(BROKEN || heard == 1);
	/* The thread may still be on its way out: nobody can wait for that. */
	return 0;
}
