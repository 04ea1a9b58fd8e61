/* PTHREAD_CREATE_DETACHED: a thread that was started detached */
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
	pthread_attr_t detached;
	pthread_t thread;

	must(sem_init(&ended, 0, 0) == 0);
	must(pthread_attr_init(&detached) == 0);
	must(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED) ==
	    0);
	must(pthread_create(&thread, &detached, child, NULL) == 0);
	must(pthread_attr_destroy(&detached) == 0);
	if (BROKEN)
		heard = news;
	must(sem_wait(&ended) == 0);
	if (!BROKEN)
		heard = news;
	must_have_heard(heard);
	/* The thread may still be on its way out: nobody can wait for that. */
	return 0;
}
