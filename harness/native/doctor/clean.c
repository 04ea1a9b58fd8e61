/*
 * clean: racy with the lock that it lacks. `make doctor` runs it to see that
 * the sanitizers start on this machine and report nothing of a correct program.
 */
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int counter; /* guarded by lock */

static void *
count(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

int
main(void)
{
	pthread_t one, two;

	if (pthread_create(&one, NULL, count, NULL) != 0)
		return 2;
	if (pthread_create(&two, NULL, count, NULL) != 0)
		return 2;
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	return 0;
}
