/*
 * pthread_key_create, pthread_join: what a destructor did, seen by the thread
 * that joins
 */
#include "row.h"

static pthread_key_t key;
static int ended, seen;

static void
destroy(void *object)
{
	*(int *)object = 1;
}

static void *
child(void *unused)
{
	must(pthread_setspecific(key, &ended) == 0);
	return unused;
}

int
main(void)
{
	pthread_t thread;

	must(pthread_key_create(&key, destroy) == 0);
	thread = row_start(child);
	if (BROKEN)
		seen = ended;
	must(pthread_join(thread, NULL) == 0);
	if (!BROKEN)
		seen = ended;
	must_have_heard(seen);
	return 0;
}
