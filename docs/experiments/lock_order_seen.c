/*
 * Shows a bug that does nothing today: two threads take two mutexes in opposite
 * orders, one after another, so neither waits. ThreadSanitizer reports it.
 */

#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t room = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t history = PTHREAD_MUTEX_INITIALIZER;

static void *
say(void *unused)
{
	pthread_mutex_lock(&room);
	pthread_mutex_lock(&history);
	pthread_mutex_unlock(&history);
	pthread_mutex_unlock(&room);
	return unused;
}

static void *
clear_history(void *unused)
{
	pthread_mutex_lock(&history);
	pthread_mutex_lock(&room); /* the wrong way round */
	pthread_mutex_unlock(&room);
	pthread_mutex_unlock(&history);
	return unused;
}

int
main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, say, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	if (pthread_create(&thread, NULL, clear_history, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	puts("both done, nobody has waited");
}
