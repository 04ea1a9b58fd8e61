/*
 * Two threads take two mutexes in opposite orders, and no deadlock comes of
 * it: who can't have the second one lets go of the first and begins again.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

struct party {
	pthread_mutex_t *first, *second;
	int refusals;
};

static pthread_mutex_t room = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t history = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

/* Takes both or none. Were both refused for ever, it would be a livelock. */
static void
lock_both(struct party *party)
{
	int attempts = 0;

	for (;;) {
		pthread_mutex_lock(party->first);
		if (attempts++ == 0)
			pthread_barrier_wait(&both); /* force the conflict */
		if (pthread_mutex_trylock(party->second) == 0)
			return;
		party->refusals++;
		if (attempts == 1)
			pthread_barrier_wait(&both);
		pthread_mutex_unlock(party->first);
		sched_yield();
	}
}

static void *
party_main(void *argument)
{
	struct party *party = argument;

	lock_both(party);
	pthread_mutex_unlock(party->second);
	pthread_mutex_unlock(party->first);
	return NULL;
}

int
main(void)
{
	struct party parties[] = {
	    {.first = &room, .second = &history},
	    {.first = &history, .second = &room},
	};
	pthread_t threads[2];

	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		if (pthread_create(
			&threads[i], NULL, party_main, &parties[i]) != 0)
			return 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++)
		printf("party %d: had both after %d or more refusals\n", i + 1,
		    parties[i].refusals > 0);
}
