/* cnd_destroy: right after the broadcast */
#include "row.h"

#include <threads.h>

static mtx_t lock;
static cnd_t told;
static bool waits, is_told; /* under lock */

static void
before(void)
{
	must(mtx_init(&lock, mtx_plain) == thrd_success);
	must(cnd_init(&told) == thrd_success);
}

static void
say(void)
{
	/* Until the other waits: else the call would not be made at all. */
	must(mtx_lock(&lock) == thrd_success);
	while (!waits) {
		must(mtx_unlock(&lock) == thrd_success);
		thrd_yield();
		must(mtx_lock(&lock) == thrd_success);
	}
	is_told = true;
	must(cnd_broadcast(&told) == thrd_success);
	must(mtx_unlock(&lock) == thrd_success);
	cnd_destroy(&told);
}

static void
hear(void)
{
	must(mtx_lock(&lock) == thrd_success);
	waits = true;
	while (!is_told)
		must(cnd_wait(&told, &lock) == thrd_success);
	must(mtx_unlock(&lock) == thrd_success);
}

static void
after(void)
{
	mtx_destroy(&lock);
}

MESSAGE_ROW(before, say, hear, after)
