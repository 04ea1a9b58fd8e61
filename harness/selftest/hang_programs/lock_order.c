/*
 * A deadlock: two threads take the same two mutexes, each another one first.
 * A barrier sees to it that both have their first when they want the second.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stddef.h>

static struct {
	int count;
	pthread_mutex_t lock;
} accounts = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t journal = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t both;

static void
deposit(void)
{
	pthread_mutex_lock(&accounts.lock);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&journal);
	accounts.count++;
	pthread_mutex_unlock(&journal);
	pthread_mutex_unlock(&accounts.lock);
}

static void
audit(void)
{
	pthread_mutex_lock(&journal);
	pthread_barrier_wait(&both);
	pthread_mutex_lock(&accounts.lock);
	accounts.count--;
	pthread_mutex_unlock(&accounts.lock);
	pthread_mutex_unlock(&journal);
}

static void *
clerk_main(void *argument)
{
	deposit();
	return argument;
}

static void *
auditor_main(void *argument)
{
	audit();
	return argument;
}

int
main(void)
{
	pthread_t clerk, auditor;

	pthread_barrier_init(&both, NULL, 2);
	if (pthread_create(&clerk, NULL, clerk_main, NULL) != 0)
		return 2;
	if (pthread_create(&auditor, NULL, auditor_main, NULL) != 0)
		return 2;
	pthread_join(clerk, NULL);
	pthread_join(auditor, NULL);
	return 0;
}
