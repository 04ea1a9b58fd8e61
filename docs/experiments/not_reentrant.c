/*
 * not_reentrant - a function with a lock may be called by many threads, but
 * not by itself
 *
 * The mutex checks for errors, so the second lock by the same thread is
 * refused. A normal one would wait for ever.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock;
static int events; /* guarded by lock */

/* Counts an event and tells the listener. */
static void
event_add(void (*listener)(void))
{
	int error = pthread_mutex_lock(&lock);

	if (error != 0) {
		printf("event_add: %s\n", strerror(error));
		return;
	}
	events++;
	if (listener != NULL)
		listener(); /* unknown code, called under the lock */
	pthread_mutex_unlock(&lock);
}

/* A listener that adds an event of its own. */
static void
listener_add(void)
{
	event_add(NULL);
}

int
main(void)
{
	pthread_mutexattr_t checking;

	pthread_mutexattr_init(&checking);
	pthread_mutexattr_settype(&checking, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&lock, &checking);
	pthread_mutexattr_destroy(&checking);

	event_add(listener_add);
	printf("events: %d\n", events);
	pthread_mutex_destroy(&lock);
	return 0;
}
