/* pthread_detach: a thread that nobody joins, whose last word is a semaphore */
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
	say();
	return unused;
}

int
main(void)
{
	pthread_t thread;

	must(sem_init(&ended, 0, 0) == 0);
	thread = row_start(child);
	must(pthread_detach(thread) == 0);
	if (BROKEN)
		heard = news;
	must(sem_wait(&ended) == 0);
	if (!BROKEN)
		heard = news;
	must_have_heard(heard);
	/* The thread may still be on its way out: nobody can wait for that. */
	return 0;
}
