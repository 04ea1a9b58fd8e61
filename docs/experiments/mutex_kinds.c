/*
 * mutex_kinds - what the three kinds of mutex say when a thread locks one
 * that it holds, and when another thread unlocks it
 *
 * To unlock a normal one that another thread holds is undefined, so that is
 * not tried. To lock it twice is to wait for ever, so here it is to wait until
 * an instant that is past.
 */

#define _XOPEN_SOURCE 700

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t mutex;

static const char *
say(int error)
{
	return error == 0 ? "done" : strerror(error);
}

static void *
unlock(void *unused)
{
	printf("  another thread unlocks: %s\n",
	    say(pthread_mutex_unlock(&mutex)));
	return unused;
}

static void
try_kind(const char *name, int kind)
{
	static const struct timespec long_ago;
	pthread_mutexattr_t attributes;
	pthread_t thread;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, kind);
	pthread_mutex_init(&mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);

	pthread_mutex_lock(&mutex);
	printf("%s\n  locked again: %s\n", name,
	    say(pthread_mutex_timedlock(&mutex, &long_ago)));
	if (kind != PTHREAD_MUTEX_NORMAL) {
		if (pthread_create(&thread, NULL, unlock, NULL) != 0)
			errx(1, "no thread");
		pthread_join(thread, NULL);
	}
	if (kind == PTHREAD_MUTEX_RECURSIVE) /* as often as it was locked */
		pthread_mutex_unlock(&mutex);
	pthread_mutex_unlock(&mutex);
	pthread_mutex_destroy(&mutex);
}

int
main(void)
{
	try_kind("normal", PTHREAD_MUTEX_NORMAL);
	try_kind("error-checking", PTHREAD_MUTEX_ERRORCHECK);
	try_kind("recursive", PTHREAD_MUTEX_RECURSIVE);
	return 0;
}
