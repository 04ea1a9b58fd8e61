/*
 * Shows a bug: main waits for a thread's end and holds the lock that the thread
 * needs in order to end. So that the program ends, main waits a tenth of a
 * second only; pthread_join(3) would wait for ever.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int clients = 1; /* guarded by lock */
static sem_t ended;

static void *
client_main(void *unused)
{
	pthread_mutex_lock(&lock);
	clients--;
	pthread_mutex_unlock(&lock);
	sem_post(&ended);
	return unused;
}

static const char *
wait_for_end(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return sem_timedwait(&ended, &until) == 0 ? "ended" : "still there";
}

int
main(void)
{
	pthread_t thread;

	sem_init(&ended, 0, 0);
	pthread_mutex_lock(&lock);
	if (pthread_create(&thread, NULL, client_main, NULL) != 0)
		return 1;
	printf("waiting with the lock: %s\n", wait_for_end());
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	printf("waiting without it: %s\n", wait_for_end());
}
