/*
 * own_registers - two threads count in the same code, each in its registers
 *
 * A register has no address (& of a register variable is an error, C11
 * 6.5.3.2), so no thread can name another one's. The kernel saves and restores
 * them when it switches threads: none loses its count, as often as it may be.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static pthread_barrier_t both;

/* Starts a thread, or ends the program: errors are returned, not in errno. */
static pthread_t
start(void *(*function)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, function, argument);

	if (error != 0)
		errx(1, "pthread_create: %s", strerror(error));
	return thread;
}

/* Counts argument's steps, and looks after each that nobody has meddled. */
static void *
count(void *argument)
{
	register intptr_t steps = (intptr_t)argument;
	register intptr_t up = 0;
	register intptr_t down = steps;

	pthread_barrier_wait(&both); /* so that both count at the same time */
	while (down > 0) {
		up++;
		down--;
		if (up + down != steps)
			errx(1, "somebody has changed my registers");
	}
	return (void *)up;
}

int
main(void)
{
	void *first, *second;
	pthread_t a, b;

	pthread_barrier_init(&both, NULL, 2);
	a = start(count, (void *)(intptr_t)3000000);
	b = start(count, (void *)(intptr_t)5000000);
	pthread_join(a, &first);
	pthread_join(b, &second);
	printf("thread 1 has counted to %jd\n", (intmax_t)(intptr_t)first);
	printf("thread 2 has counted to %jd\n", (intmax_t)(intptr_t)second);
	return 0;
}
