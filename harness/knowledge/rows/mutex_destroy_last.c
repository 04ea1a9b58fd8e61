/*
 * pthread_mutex_destroy: the last user of an object unlocks, destroys and frees
 * it, as POSIX's rationale has it
 */
#include "row.h"

static struct object {
	pthread_mutex_t lock;
	int users;
	int count; /* under lock */
} * object;

static void
leave(void)
{
	bool last;

	if (!BROKEN)
		must(pthread_mutex_lock(&object->lock) == 0);
	object->count++;
	if (BROKEN)
		must(pthread_mutex_lock(&object->lock) == 0);
	last = --object->users == 0;
	must(pthread_mutex_unlock(&object->lock) == 0);
	if (last) {
		must(pthread_mutex_destroy(&object->lock) == 0);
		free(object);
	}
}

int
main(void)
{
	object = malloc(sizeof *object);
	must(object != NULL);
	must(pthread_mutex_init(&object->lock, NULL) == 0);
	object->users = 2;
	object->count = 0;
	in_two_threads(leave, leave);
	return 0;
}
