/*
 * A function that is called back takes the lock that its caller holds. A mutex
 * that checks says so; a normal one would wait for itself for ever. Called with
 * the lock released, the same function does its work.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock;
static void (*listener)(const char *news); /* guarded by lock */

static void
unsubscribe(void)
{
	int error = pthread_mutex_lock(&lock);

	printf("unsubscribe: %s\n", strerror(error));
	if (error != 0)
		return;
	listener = NULL;
	pthread_mutex_unlock(&lock);
}

/* Somebody else's code: whoever calls it can't know what it calls. */
static void
hear_once(const char *news)
{
	printf("%s: ", news);
	unsubscribe();
}

/* Shows a bug: a function that isn't known is called under the lock. */
static void
tell_locked(const char *news)
{
	pthread_mutex_lock(&lock);
	if (listener != NULL)
		listener(news);
	pthread_mutex_unlock(&lock);
}

/* Under the lock only what is needed is copied. */
static void
tell(const char *news)
{
	void (*called)(const char *);

	pthread_mutex_lock(&lock);
	called = listener;
	pthread_mutex_unlock(&lock);
	if (called != NULL)
		called(news);
}

int
main(void)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&lock, &attributes);
	listener = hear_once;
	tell_locked("called under the lock");
	tell("called without it");
}
