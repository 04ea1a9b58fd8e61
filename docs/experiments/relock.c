/*
 * A thread locks a mutex that it holds already. What happens depends on the
 * mutex's type. So that the program ends, it gives up after a tenth of a
 * second; with pthread_mutex_lock(3) the normal one would wait for ever.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void
lock_twice(const char *name, int type)
{
	pthread_mutexattr_t attributes;
	pthread_mutex_t mutex;
	struct timespec until;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, type);
	pthread_mutex_init(&mutex, &attributes);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;

	pthread_mutex_lock(&mutex);
	printf("%s: %s\n", name,
	    strerror(pthread_mutex_timedlock(&mutex, &until)));
}

int
main(void)
{
	lock_twice("normal", PTHREAD_MUTEX_NORMAL);
	lock_twice("error checking", PTHREAD_MUTEX_ERRORCHECK);
	lock_twice("recursive", PTHREAD_MUTEX_RECURSIVE);
}
