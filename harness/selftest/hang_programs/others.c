/*
 * Other ways to wait: for a read-write lock whose writer sleeps, for a mutex
 * after a condition came true, and not at all. With an argument, main ends.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t all;

static void *
writer_main(void *argument)
{
	pthread_rwlock_wrlock(&table);
	pthread_barrier_wait(&all);
	pause();
	return argument;
}

static void *
reader_main(void *argument)
{
	pthread_barrier_wait(&all);
	pthread_rwlock_rdlock(&table);
	return argument;
}

static void *
waiter_main(void *argument)
{
	pthread_mutex_lock(&lock);
	pthread_barrier_wait(&all);
	pthread_cond_wait(&changed, &lock);
	return argument;
}

static void *
signaller_main(void *argument)
{
	pthread_barrier_wait(&all);
	pthread_mutex_lock(&lock);
	pthread_cond_signal(&changed);
	pause();
	return argument;
}

static void *
spinner_main(void *argument)
{
	for (volatile unsigned rounds = 0;; rounds++)
		;
	return argument;
}

int
main(int argc, char *argv[])
{
	void *(*const mains[])(void *) = {
	    writer_main, reader_main, waiter_main, signaller_main};
	pthread_t thread;

	(void)argv;
	pthread_barrier_init(&all, NULL, 4);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&thread, NULL, mains[i], NULL) != 0)
			return 2;
	if (pthread_create(&thread, NULL, spinner_main, NULL) != 0)
		return 2;
	if (argc > 1)
		pthread_exit(NULL);
	pthread_join(thread, NULL);
	return 0;
}
