/*
 * check_then_act - one free seat is sold twice, although each look at it and
 * each change is made under the lock
 *
 * A barrier between the look and the sale brings both buyers there at once.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int free_seats; /* guarded by lock */
static pthread_barrier_t both_looked;

/* Two critical sections: what the first one found may be old in the second. */
static void *
buy_in_two(void *unused)
{
	bool free;

	pthread_mutex_lock(&lock);
	free = free_seats > 0;
	pthread_mutex_unlock(&lock);

	pthread_barrier_wait(&both_looked);
	if (!free)
		return unused;
	pthread_mutex_lock(&lock);
	free_seats--;
	pthread_mutex_unlock(&lock);
	return unused;
}

/* One critical section: look and sale belong together. */
static void *
buy_in_one(void *unused)
{
	pthread_mutex_lock(&lock);
	if (free_seats > 0)
		free_seats--;
	pthread_mutex_unlock(&lock);
	return unused;
}

static void
sell(const char *how, void *(*buy)(void *))
{
	pthread_t one, two;

	free_seats = 1;
	if (pthread_create(&one, NULL, buy, NULL) != 0 ||
	    pthread_create(&two, NULL, buy, NULL) != 0)
		errx(1, "no thread");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	printf("%s: free seats %d\n", how, free_seats);
}

int
main(void)
{
	pthread_barrier_init(&both_looked, NULL, 2);
	sell("looked, then sold", buy_in_two);
	sell("looked and sold", buy_in_one);
	return 0;
}
