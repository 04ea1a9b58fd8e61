/* pthread_cond_clockwait, ETIMEDOUT: the mutex is held again after it */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static bool is_told; /* under lock */

static void
take(void)
{
	struct timespec until = in_ms(CLOCK_MONOTONIC, 1);

	must(pthread_mutex_lock(&lock) == 0);
	while (!is_told &&
	    pthread_cond_clockwait(&told, &lock, CLOCK_MONOTONIC, &until) == 0)
		;
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

LOCK_ROW(nothing, take, give, nothing)
