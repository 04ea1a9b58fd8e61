/*
 * Shows a bug: a thread is cancelled while it waits in read(2) and holds a
 * mutex. The thread is gone, and the mutex stays locked.
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int silent[2];

static void *
thread_main(void *unused)
{
	char byte;

	pthread_mutex_lock(&lock);
	while (read(silent[0], &byte, 1) == 1) /* a cancellation point */
		continue;
	pthread_mutex_unlock(&lock);
	return unused;
}

int
main(void)
{
	pthread_t thread;
	void *result;

	if (pipe(silent) < 0)
		return 1;
	if (pthread_create(&thread, NULL, thread_main, NULL) != 0)
		return 1;
	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("the thread %s\n",
	    result == PTHREAD_CANCELED ? "was cancelled" : "has returned");
	printf("the mutex is %s\n",
	    pthread_mutex_trylock(&lock) == EBUSY ? "locked" : "free");
}
