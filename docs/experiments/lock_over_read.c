/*
 * lock_over_read - a thread reads from a pipe in which nothing comes: with
 * the lock held everybody waits for that pipe, without it nobody does
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last[2]; /* guarded by lock: what came last */
static int ends[2];  /* of the pipe */
static bool hold;    /* set before the thread starts */
static sem_t about_to_read;

static void *
reader(void *unused)
{
	char c = '-';

	if (hold)
		pthread_mutex_lock(&lock);
	sem_post(&about_to_read);
	if (read(ends[0], &c, 1) != 1) /* sleeps until something comes */
		err(1, "read");
	if (!hold)
		pthread_mutex_lock(&lock);
	last[0] = c; /* short, and blocks nowhere */
	pthread_mutex_unlock(&lock);
	return unused;
}

/* Does somebody else get the lock within 100 ms? */
static void
try_lock(const char *name)
{
	struct timespec instant;
	int error;

	clock_gettime(CLOCK_REALTIME, &instant);
	instant.tv_nsec += 100000000;
	instant.tv_sec += instant.tv_nsec / 1000000000;
	instant.tv_nsec %= 1000000000;
	error = pthread_mutex_timedlock(&lock, &instant);
	printf("%s: %s\n", name, error == 0 ? "got the lock" : strerror(error));
	if (error == 0)
		pthread_mutex_unlock(&lock);
}

static void
run(bool hold_lock, const char *name)
{
	pthread_t thread;

	hold = hold_lock;
	if (pthread_create(&thread, NULL, reader, NULL) != 0)
		errx(1, "no thread");
	sem_wait(&about_to_read);
	try_lock(name);
	if (write(ends[1], "x", 1) != 1)
		err(1, "write");
	pthread_join(thread, NULL);
}

int
main(void)
{
	if (pipe(ends) != 0)
		err(1, "pipe");
	sem_init(&about_to_read, 0, 0);
	run(true, "lock held over read");
	run(false, "lock taken after read");
	return 0;
}
