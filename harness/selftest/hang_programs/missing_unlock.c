/*
 * A thread that ends with a mutex locked, and two others that want it.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int jobs;

static void *
forgetful_main(void *argument)
{
	pthread_mutex_lock(&lock);
	if (jobs == 0)
		return argument; /* the way out without the unlock */
	jobs--;
	pthread_mutex_unlock(&lock);
	return argument;
}

static void *
adder_main(void *argument)
{
	pthread_mutex_lock(&lock);
	jobs++;
	pthread_mutex_unlock(&lock);
	return argument;
}

int
main(void)
{
	pthread_t forgetful, adders[2];

	if (pthread_create(&forgetful, NULL, forgetful_main, NULL) != 0)
		return 2;
	pthread_join(forgetful, NULL);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&adders[i], NULL, adder_main, NULL) != 0)
			return 2;
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < 2; i++)
		pthread_join(adders[i], NULL);
	return 0;
}
