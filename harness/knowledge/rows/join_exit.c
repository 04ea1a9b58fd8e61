/*
 * pthread_exit, pthread_join: a thread that ends inside a function, with a
 * value
 */
#include "row.h"

static int news, heard;

static void
leave(void)
{
	news = 1;
	pthread_exit(&news);
}

static void *
child(void *unused)
{
	leave();
	return unused;
}

int
main(void)
{
	pthread_t thread = row_start(child);
	void *result;

	if (BROKEN)
		heard = news;
	must(pthread_join(thread, &result) == 0);
	if (!BROKEN)
		heard = *(int *)result;
	must_have_heard(heard);
	return 0;
}
