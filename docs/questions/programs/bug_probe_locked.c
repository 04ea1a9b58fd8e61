/*
 * Ten threads try a hundred silent ports, with a time-out of 10 ms each. It
 * should take ten time-outs. It takes a hundred.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

enum { THREADS = 10, PORTS = 100 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int next_port = 1; /* guarded by lock */
static int silent;        /* guarded by lock */

/* Stands for a connect that nobody answers. */
static int
probe(int port)
{
	const struct timespec timeout = {0, 10000000};

	nanosleep(&timeout, NULL);
	return port > 0;
}

static void *
scan(void *unused)
{
	for (;;) {
		int port, result;

		pthread_mutex_lock(&lock);
		port = next_port++;
		if (port > PORTS) {
			pthread_mutex_unlock(&lock);
			return unused;
		}
		result = probe(port);
		silent += result;
		pthread_mutex_unlock(&lock); /* after the result */
	}
}

int
main(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, scan, NULL) != 0)
			errx(1, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%d ports are silent\n", silent);
	return 0;
}
