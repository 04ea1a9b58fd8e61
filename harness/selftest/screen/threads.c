/* Most of what pthreads offers. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static sem_t free_slots;
static int ready;

static void
prepare(void)
{
	pthread_key_create(&key, free);
	sem_init(&free_slots, 0, 2);
}

static void
unlock(void *mutex)
{
	pthread_mutex_unlock(mutex);
}

static void *
serve_client(void *arg)
{
	pthread_once(&once, prepare);
	pthread_setspecific(key, malloc(16));
	sem_wait(&free_slots);
	pthread_rwlock_rdlock(&table_lock);
	pthread_rwlock_unlock(&table_lock);
	pthread_mutex_lock(&lock);
	pthread_cleanup_push(unlock, &lock);
	ready = 1;
	pthread_cond_broadcast(&changed);
	pthread_testcancel();
	pthread_cleanup_pop(1);
	sem_post(&free_slots);
	pthread_exit(arg);
}

int
main(void)
{
	struct timespec until;
	pthread_t thread;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&thread, NULL, serve_client, NULL);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	pthread_mutex_lock(&lock);
	while (!ready && pthread_cond_timedwait(&changed, &lock, &until) == 0)
		;
	pthread_mutex_unlock(&lock);
	return pthread_join(thread, NULL);
}
