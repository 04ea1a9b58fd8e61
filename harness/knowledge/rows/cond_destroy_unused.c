/* pthread_cond_destroy: of a static condition that nobody has used */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static bool is_told; /* under lock */

static void
take(void)
{
	must(pthread_mutex_lock(&lock) == 0);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
before(void)
{
	must(pthread_cond_destroy(&told) == 0);
	is_told = true;
}

LOCK_ROW(before, take, give, nothing)
