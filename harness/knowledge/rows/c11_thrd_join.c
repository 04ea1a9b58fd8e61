/* thrd_create, thrd_join: a thread's end */
#include "row.h"

#include <threads.h>

static int news, heard;

static int
child(void *unused)
{
	(void)unused;
	news = 1;
	return 1;
}

int
main(void)
{
	thrd_t thread;
	int result;

	must(thrd_create(&thread, child, NULL) == thrd_success);
	if (BROKEN)
		heard = news;
	must(thrd_join(thread, &result) == thrd_success && result == 1);
	if (!BROKEN)
		heard = news;
	must_have_heard(heard);
	return 0;
}
