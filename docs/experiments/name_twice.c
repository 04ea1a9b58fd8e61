/*
 * Shows a bug: each access to the table is under the lock, but "is the name
 * free?" and "it is mine" are two critical sections. Two threads get the name.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char names[4][8]; /* guarded by lock, as count */
static int count;
static pthread_barrier_t both;

static int
is_taken(const char *name)
{
	int taken = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < count; i++)
		taken |= strcmp(names[i], name) == 0;
	pthread_mutex_unlock(&lock);
	return taken;
}

static void
add(const char *name)
{
	pthread_mutex_lock(&lock);
	strcpy(names[count++], name);
	pthread_mutex_unlock(&lock);
}

static void *
register_main(void *welcomed)
{
	if (is_taken("anna"))
		return NULL;
	pthread_barrier_wait(&both); /* held up: so is the other one */
	add("anna");
	*(int *)welcomed = 1;
	return NULL;
}

int
main(void)
{
	int welcomed[2] = {0, 0};
	pthread_t threads[2];

	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		if (pthread_create(
			&threads[i], NULL, register_main, &welcomed[i]) != 0)
			return 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("welcomed as anna: %d, entries: %d\n", welcomed[0] + welcomed[1],
	    count);
}
