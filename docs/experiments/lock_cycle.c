/*
 * Shows a deadlock: two threads take two mutexes in opposite orders. So that
 * the program ends, each gives up after a tenth of a second; with
 * pthread_mutex_lock(3) both would wait for ever.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct party {
	const char *name;
	pthread_mutex_t *has, *wants;
	int result; /* of the attempt to get what it wants */
};

static pthread_mutex_t room = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t history = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

static void *
party_main(void *argument)
{
	struct party *party = argument;
	struct timespec until;

	pthread_mutex_lock(party->has);
	pthread_barrier_wait(&both); /* each has one now */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	party->result = pthread_mutex_timedlock(party->wants, &until);
	pthread_barrier_wait(&both); /* nobody lets go before the other's end */
	pthread_mutex_unlock(party->has);
	return NULL;
}

int
main(void)
{
	struct party parties[] = {
	    {.name = "anna has room, wants history",
		.has = &room,
		.wants = &history},
	    {.name = "boris has history, wants room",
		.has = &history,
		.wants = &room},
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
		printf(
		    "%s: %s\n", parties[i].name, strerror(parties[i].result));
}
