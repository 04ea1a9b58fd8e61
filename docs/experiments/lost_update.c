/*
 * lost_update - two threads add 1 to a counter, and it grows by 1
 *
 * counter++ is three steps: read, add, write. Semaphores put the steps of both
 * threads in the order in which it goes wrong, so it goes wrong every time.
 */

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

enum { STEPS = 4 };

static sem_t turns[STEPS + 1]; /* turns[n] is up when step n may go */
static int counter;

static int
read_at(int step, const char *who)
{
	int seen;

	sem_wait(&turns[step]);
	seen = counter;
	printf("%s reads %d\n", who, seen);
	sem_post(&turns[step + 1]);
	return seen;
}

static void
write_at(int step, const char *who, int value)
{
	sem_wait(&turns[step]);
	counter = value;
	printf("%s writes %d\n", who, value);
	sem_post(&turns[step + 1]);
}

static void *
thread_a(void *unused)
{
	int seen = read_at(0, "A");

	write_at(2, "A", seen + 1);
	return unused;
}

static void *
thread_b(void *unused)
{
	int seen = read_at(1, "B");

	write_at(3, "B", seen + 1);
	return unused;
}

int
main(void)
{
	pthread_t a, b;

	for (int i = 0; i <= STEPS; i++)
		sem_init(&turns[i], 0, i == 0);
	if (pthread_create(&a, NULL, thread_a, NULL) != 0 ||
	    pthread_create(&b, NULL, thread_b, NULL) != 0)
		errx(1, "no thread");
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	printf("two threads added 1, the counter is %d\n", counter);
	return 0;
}
