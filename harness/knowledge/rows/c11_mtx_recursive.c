/* mtx_recursive: a lock that its holder takes again */
#include "row.h"

#include <threads.h>

static mtx_t lock;

static void
before(void)
{
	must(mtx_init(&lock, mtx_plain | mtx_recursive) == thrd_success);
}

static void
take(void)
{
	must(mtx_lock(&lock) == thrd_success);
	must(mtx_lock(&lock) == thrd_success);
	must(mtx_unlock(&lock) == thrd_success);
}

static void
give(void)
{
	must(mtx_unlock(&lock) == thrd_success);
}

static void
after(void)
{
	mtx_destroy(&lock);
}

LOCK_ROW(before, take, give, after)
