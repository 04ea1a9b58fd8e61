/* mtx_lock, mtx_unlock: a lock */
#include "row.h"

#include <threads.h>

static mtx_t lock;

static void
before(void)
{
	must(mtx_init(&lock, mtx_plain) == thrd_success);
}

static void
take(void)
{
	must(mtx_lock(&lock) == thrd_success);
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
