/*
 * Creates threads until there is no more room, lets them end in four ways,
 * creates until there is no more room again. Prints both numbers.
 * The argument `c11` makes them C11 threads.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

enum { MOST = 64 };

static sem_t go;
static int never[2];

static void *
wait_return(void *unused)
{
	sem_wait(&go);
	return unused;
}

static void *
wait_exit(void *unused)
{
	sem_wait(&go);
	pthread_exit(unused);
}

/* Waits where only cancellation ends it: in a wrapped call. */
static void *
wait_cancelled(void *unused)
{
	char byte;

	while (read(never[0], &byte, 1) >= 0)
		continue;
	return unused;
}

static int
wait_c11(void *unused)
{
	(void)unused;
	sem_wait(&go);
	return 7;
}

static void *(*const routines[])(void *) = {
    wait_return, wait_exit, wait_cancelled};

/* Returns how many could be created. */
static int
fill(pthread_t *threads)
{
	int n;

	for (n = 0; n < MOST; n++)
		if (pthread_create(&threads[n], NULL, routines[n % 3], NULL))
			break;
	return n;
}

static void
empty(const pthread_t *threads, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		if (i % 3 == 2)
			pthread_cancel(threads[i]);
		else
			sem_post(&go);
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static int
fill_c11(thrd_t *threads)
{
	int n;

	for (n = 0; n < MOST; n++)
		if (thrd_create(&threads[n], wait_c11, NULL) != thrd_success)
			break;
	return n;
}

static void
empty_c11(const thrd_t *threads, int n)
{
	int i, value;

	for (i = 0; i < n; i++)
		sem_post(&go);
	for (i = 0; i < n; i++)
		if (thrd_join(threads[i], &value) != thrd_success || value != 7)
			puts("a wrong result");
}

int
main(int argc, char **argv)
{
	thrd_t c11_threads[MOST];
	pthread_t threads[MOST];
	int c11, round, n;

	c11 = argc > 1 && strcmp(argv[1], "c11") == 0;
	if (sem_init(&go, 0, 0) || pipe(never))
		return 1;
	for (round = 0; round < 2; round++) {
		n = c11 ? fill_c11(c11_threads) : fill(threads);
		printf("%d\n", n);
		if (c11)
			empty_c11(c11_threads, n);
		else
			empty(threads, n);
	}
	return 0;
}
