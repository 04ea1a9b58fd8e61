/* pthread_timedjoin_np: a thread's end, waited for until a time */
#include "row.h"

static void
wait_for(pthread_t thread)
{
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);

	must(pthread_timedjoin_np(thread, NULL, &until) == 0);
}

JOIN_ROW(row_start, wait_for)
