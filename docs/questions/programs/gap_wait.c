/*
 * The main thread waits until two ports are known. It is woken after each,
 * and must not go on after the first.
 */

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int known; /* guarded by lock */
static sem_t go_on;

static void *
report_two(void *unused)
{
	for (int i = 0; i < 2; i++) {
		pthread_mutex_lock(&lock);
		known++;
		pthread_cond_signal(&changed);
		pthread_mutex_unlock(&lock);
		if (i == 0)
			sem_wait(&go_on);
	}
	return unused;
}

int
main(void)
{
	pthread_t thread;
	int sleeps = 0;

	sem_init(&go_on, 0, 0);
	pthread_mutex_lock(&lock);
	if (pthread_create(&thread, NULL, report_two, NULL) != 0)
		errx(1, "no thread");
	/* GAP */
	{
		if (++sleeps == 2)
			sem_post(&go_on);
		pthread_cond_wait(&changed, &lock);
	}
	printf("%d ports are known\n", known);
	pthread_mutex_unlock(&lock);
	sem_post(&go_on);
	pthread_join(thread, NULL);
	return 0;
}
