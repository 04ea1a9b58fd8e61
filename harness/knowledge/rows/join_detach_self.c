/* pthread_detach(pthread_self()): a thread that detaches itself */
#include "row.h"

#include <semaphore.h>

static sem_t ended;
static int news, heard;

static void
say(void)
{
	news = 1;
	must(sem_post(&ended) == 0);
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
	if (BROKEN)
		heard = news;
	must(sem_wait(&ended) == 0);
	if (!BROKEN)
		heard = news;
	must_have_heard(heard);
	/* The thread may still be on its way out: nobody can wait for that. */
	return 0;
}
