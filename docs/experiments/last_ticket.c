/*
 * last_ticket - a race that no tool reports: every access is locked
 *
 * Two threads look whether there is a ticket, then buy it. Each step holds the
 * mutex, but between the steps anybody may come. A barrier makes both look
 * before either buys, and the last ticket is sold twice: the bug shown here.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int tickets = 1; /* guarded by lock, always */
static pthread_barrier_t both_looked;

static bool
ticket_left(void)
{
	bool left;

	pthread_mutex_lock(&lock);
	left = tickets > 0;
	pthread_mutex_unlock(&lock);
	return left;
}

static void *
buy(void *name)
{
	bool left = ticket_left();

	pthread_barrier_wait(&both_looked); /* what a schedule may do any day */
	if (left) {
		pthread_mutex_lock(&lock);
		tickets--;
		pthread_mutex_unlock(&lock);
		printf("sold to %s\n", (const char *)name);
	}
	return NULL;
}

int
main(void)
{
	pthread_t one, two;

	pthread_barrier_init(&both_looked, NULL, 2);
	pthread_create(&one, NULL, buy, "a thread");
	pthread_create(&two, NULL, buy, "a thread");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	printf("tickets left: %d\n", tickets);
	return 0;
}
