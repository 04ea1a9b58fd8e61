/* thrd_detach: a thread that nobody joins, whose last word is a condition */
#include "row.h"

#include <threads.h>

static mtx_t lock;
static cnd_t told;
static bool is_told; /* under lock */
static int news, heard;

static int
child(void *unused)
{
	(void)unused;
	news = 1;
	must(mtx_lock(&lock) == thrd_success);
	is_told = true;
	must(cnd_signal(&told) == thrd_success);
	must(mtx_unlock(&lock) == thrd_success);
	return 0;
}

int
main(void)
{
	thrd_t thread;

	must(mtx_init(&lock, mtx_plain) == thrd_success);
	must(cnd_init(&told) == thrd_success);
	must(thrd_create(&thread, child, NULL) == thrd_success);
	must(thrd_detach(thread) == thrd_success);
	if (BROKEN)
		heard = news;
	must(mtx_lock(&lock) == thrd_success);
	while (!is_told)
		must(cnd_wait(&told, &lock) == thrd_success);
	must(mtx_unlock(&lock) == thrd_success);
	if (!BROKEN)
		heard = news;
	must_have_heard(heard);
	/* The thread may still be on its way out: nobody can wait for that. */
	return 0;
}
