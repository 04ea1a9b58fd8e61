/* pthread_cond_broadcast: the same, said to all */
#include "row.h"

#include <sched.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static bool waits, is_told; /* under lock */

static void
say(void)
{
	/* Until the other waits: else the call would not be made at all. */
	must(pthread_mutex_lock(&lock) == 0);
	while (!waits) {
		must(pthread_mutex_unlock(&lock) == 0);
		sched_yield();
		must(pthread_mutex_lock(&lock) == 0);
	}
	is_told = true;
	must(pthread_cond_broadcast(&told) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
hear(void)
{
	must(pthread_mutex_lock(&lock) == 0);
	waits = true;
	while (!is_told)
		must(pthread_cond_wait(&told, &lock) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
}

MESSAGE_ROW(nothing, say, hear, nothing)
