/*
 * Four threads that share data correctly: by a mutex and a condition variable,
 * by a read-write lock, by a semaphore. Nothing to report.
 */
#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 4, ROUNDS = 10 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static int turn; /* m: whose turn it is */

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int shared; /* under lock */

static sem_t sem;
static int guarded; /* under sem, as a mutex */

static void
take_turn(int self)
{
	pthread_mutex_lock(&mutex);
	while (turn % THREADS != self)
		pthread_cond_wait(&turn_changed, &mutex);
	turn++;
	pthread_cond_broadcast(&turn_changed);
	pthread_mutex_unlock(&mutex);
}

static int
read_and_write(void)
{
	int value;

	pthread_rwlock_rdlock(&lock);
	value = shared;
	pthread_rwlock_unlock(&lock);
	pthread_rwlock_wrlock(&lock);
	shared++;
	pthread_rwlock_unlock(&lock);
	return value;
}

static void *
worker(void *argument)
{
	int i, self = *(int *)argument;

	for (i = 0; i < ROUNDS; i++) {
		take_turn(self);
		read_and_write();
		sem_wait(&sem);
		guarded++;
		sem_post(&sem);
	}
	return NULL;
}

int
main(void)
{
	pthread_t threads[THREADS];
	int selves[THREADS], i;

	sem_init(&sem, 0, 1);
	for (i = 0; i < THREADS; i++) {
		selves[i] = i;
		if (pthread_create(&threads[i], NULL, worker, &selves[i]))
			return 2;
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return turn != THREADS * ROUNDS || shared != THREADS * ROUNDS ||
	    guarded != THREADS * ROUNDS;
}
