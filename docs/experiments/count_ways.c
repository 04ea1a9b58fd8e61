/*
 * count_ways - two threads add 1 to each of three counters 100,000 times
 *
 * The plain counter is a data race, on purpose. It may be right by luck; then
 * the threads are sent off again, a hundred times at most.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { TIMES = 100000, MOST_ROUNDS = 100 };

static int plain;
static int guarded; /* by lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int atomic;
static pthread_barrier_t both_here;

static void *
count(void *unused)
{
	pthread_barrier_wait(&both_here);
	for (int i = 0; i < TIMES; i++) {
		plain++;
		atomic_fetch_add(&atomic, 1);
	}
	for (int i = 0; i < TIMES; i++) {
		pthread_mutex_lock(&lock);
		guarded++;
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

static void
play_round(void)
{
	pthread_t one, two;

	plain = guarded = 0;
	atomic_store(&atomic, 0);
	if (pthread_create(&one, NULL, count, NULL) != 0 ||
	    pthread_create(&two, NULL, count, NULL) != 0)
		errx(1, "no thread");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
}

int
main(void)
{
	int round = 0;

	pthread_barrier_init(&both_here, NULL, 2);
	do
		play_round();
	while (plain == 2 * TIMES && ++round < MOST_ROUNDS);
	printf("plain   %d\n", plain);
	printf("mutex   %d\n", guarded);
	printf("atomic  %d\n", atomic_load(&atomic));
	return 0;
}
