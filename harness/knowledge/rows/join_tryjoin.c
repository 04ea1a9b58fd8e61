/* pthread_tryjoin_np: a thread's end, asked for until it is there */
#include "row.h"

#include <sched.h>

static void
wait_for(pthread_t thread)
{
	int err;

	while ((err = pthread_tryjoin_np(thread, NULL)) == EBUSY)
		sched_yield();
	must(err == 0);
}

JOIN_ROW(row_start, wait_for)
