/*
 * Listens, takes nobody in, and burns the CPU: in threads, or, with PROCESSES,
 * in children that leave for sessions of their own. For ten minutes at most.
 */
#define _DEFAULT_SOURCE
#include "hostile.h"
#include <pthread.h>

enum { MANY = 3 };

static void *
spin(void *unused)
{
	volatile unsigned long turns = 0;

	(void)unused;
	for (;;)
		turns++;
}

int
main(void)
{
	pthread_t thread;

	alarm(600);
	listen_somewhere();
	for (int i = 0; i < MANY; i++) {
#ifdef PROCESSES
		if (fork() == 0) {
			setsid();
			alarm(600);
			spin(NULL);
		}
		(void)thread;
#else
		if (pthread_create(&thread, NULL, spin, NULL) != 0)
			return 1;
#endif
	}
	for (;;)
		pause();
}
