/* pthread_create: what was written before it, read by the new thread */
#include "row.h"

static int argument, heard;

static void *
child(void *unused)
{
	heard = argument;
	return unused;
}

int
main(void)
{
	pthread_t thread;

	if (!BROKEN)
		argument = 1;
	thread = row_start(child);
	if (BROKEN)
		argument = 1;
	must(pthread_join(thread, NULL) == 0);
	must_have_heard(heard);
	return 0;
}
