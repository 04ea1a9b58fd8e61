/*
 * Three philosophers, each with one fork in hand, wait for each other in a
 * circle; and one who has found a fork that was never laid out.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stddef.h>

enum { PHILOSOPHERS = 3 };

static pthread_mutex_t forks[PHILOSOPHERS];
static pthread_mutex_t garbage = {.__data.__lock = 1};
static pthread_barrier_t seated;

static void *
philosopher_main(void *argument)
{
	pthread_mutex_t *left = argument;
	pthread_mutex_t *right = &forks[(left - forks + 1) % PHILOSOPHERS];

	pthread_mutex_lock(left);
	pthread_barrier_wait(&seated);
	pthread_mutex_lock(right);
	pthread_mutex_unlock(right);
	pthread_mutex_unlock(left);
	return NULL;
}

int
main(void)
{
	pthread_t threads[PHILOSOPHERS];

	pthread_barrier_init(&seated, NULL, PHILOSOPHERS);
	for (int i = 0; i < PHILOSOPHERS; i++)
		pthread_mutex_init(&forks[i], NULL);
	for (int i = 0; i < PHILOSOPHERS; i++)
		if (pthread_create(
			&threads[i], NULL, philosopher_main, &forks[i]) != 0)
			return 2;
	pthread_mutex_lock(&garbage);
	return 0;
}
