#define _POSIX_C_SOURCE 200809L

#include "hashers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for these: */
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct job *todo, **todo_end = &todo, *done;
static bool stopping;

static pthread_t threads[THREADS];
static int started;
static int bell[2] = {-1, -1};

static void
work(struct job *job)
{
	if (job->is_new)
		job->good =
		    users_hash(job->password, job->cost, job->hash) == 0;
	else
		job->good = users_check(job->hash, job->password, job->cost);
}

static void *
hasher(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	for (;;) {
		struct job *job;
		ssize_t n;

		while (todo == NULL && !stopping)
			pthread_cond_wait(&more, &lock);
		if (stopping)
			break;
		job = todo;
		todo = job->next;
		if (todo == NULL)
			todo_end = &todo;
		pthread_mutex_unlock(&lock);
		work(job);
		pthread_mutex_lock(&lock);
		job->next = done;
		done = job;
		n = write(bell[1], "", 1); /* it does not wait: full is loud */
		(void)n;
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

int
hashers_start(void)
{
	if (pipe(bell) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		fcntl(bell[i], F_SETFL, O_NONBLOCK);
		fcntl(bell[i], F_SETFD, FD_CLOEXEC);
	}
	while (started < THREADS) {
		int error =
		    pthread_create(&threads[started], NULL, hasher, NULL);

		if (error != 0) {
			errno = error;
			return started > 0 ? bell[0] : -1;
		}
		started++;
	}
	return bell[0];
}

void
hashers_put(struct job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&lock);
	*todo_end = job;
	todo_end = &job->next;
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

struct job *
hashers_take(void)
{
	struct job *job;
	char byte[64];

	while (read(bell[0], byte, sizeof(byte)) > 0)
		;
	pthread_mutex_lock(&lock);
	job = done;
	if (job != NULL)
		done = job->next;
	pthread_mutex_unlock(&lock);
	return job;
}

static void
free_jobs(struct job *job)
{
	while (job != NULL) {
		struct job *next = job->next;

		free(job);
		job = next;
	}
}

void
hashers_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&more);
	pthread_mutex_unlock(&lock);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	free_jobs(todo);
	free_jobs(done);
	close(bell[0]);
	close(bell[1]);
}
