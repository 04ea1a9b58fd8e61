/* pthread_clockjoin_np: a thread's end, waited for until a time of a clock */
#include "row.h"

static void
wait_for(pthread_t thread)
{
	struct timespec until = IN_A_MINUTE(CLOCK_MONOTONIC);

	must(pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0);
}

JOIN_ROW(row_start, wait_for)
