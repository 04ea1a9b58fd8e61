/*
 * readers_writer - two readers hold a read-write lock at once, and a writer
 * does not get in beside them
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t both_in, may_leave;

static void *
read_slowly(void *unused)
{
	pthread_rwlock_rdlock(&lock);
	pthread_barrier_wait(&both_in); /* never, if only one could be in */
	pthread_barrier_wait(&may_leave);
	pthread_rwlock_unlock(&lock);
	return unused;
}

static void
try_to_write(const char *when)
{
	int error = pthread_rwlock_trywrlock(&lock);

	printf("%s: %s\n", when, error == 0 ? "I may write" : strerror(error));
	if (error == 0)
		pthread_rwlock_unlock(&lock);
}

int
main(void)
{
	pthread_t readers[2];

	pthread_barrier_init(&both_in, NULL, 3);
	pthread_barrier_init(&may_leave, NULL, 3);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&readers[i], NULL, read_slowly, NULL) != 0)
			errx(1, "no thread");
	pthread_barrier_wait(&both_in);
	try_to_write("two readers are in");
	pthread_barrier_wait(&may_leave);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	try_to_write("they have left");
	return 0;
}
