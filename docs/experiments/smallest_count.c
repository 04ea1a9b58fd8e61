/*
 * smallest_count - two threads add 1 three times each, and the counter ends
 * at 2: the least that can come out
 *
 * Each read and each write is atomic, but count = count + 1 is one of each.
 * Semaphores say who goes when.
 */

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_int count;
static sem_t turn_a, turn_b;

static void *
thread_a(void *unused)
{
	int seen = count; /* 0 */

	sem_post(&turn_b); /* B adds twice */
	sem_wait(&turn_a);
	count = seen + 1;  /* 1: what B has added is gone */
	sem_post(&turn_b); /* B reads */
	sem_wait(&turn_a);
	count = count + 1;
	count = count + 1; /* 3 */
	sem_post(&turn_b); /* B writes */
	return unused;
}

static void *
thread_b(void *unused)
{
	int seen;

	sem_wait(&turn_b);
	count = count + 1;
	count = count + 1; /* 2 */
	sem_post(&turn_a);
	sem_wait(&turn_b);
	seen = count; /* 1 */
	sem_post(&turn_a);
	sem_wait(&turn_b);
	count = seen + 1; /* 2: what A has added is gone */
	return unused;
}

int
main(void)
{
	pthread_t a, b;

	sem_init(&turn_a, 0, 0);
	sem_init(&turn_b, 0, 0);
	if (pthread_create(&a, NULL, thread_a, NULL) != 0 ||
	    pthread_create(&b, NULL, thread_b, NULL) != 0)
		errx(1, "no thread");
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	printf("six times 1 was added, the counter is %d\n", count);
	return 0;
}
