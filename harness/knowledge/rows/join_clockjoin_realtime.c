/* pthread_clockjoin_np, CLOCK_REALTIME: the same by the time of day */
#include "row.h"

static void
wait_for(pthread_t thread)
{
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);

	must(pthread_clockjoin_np(thread, NULL, CLOCK_REALTIME, &until) == 0);
}

JOIN_ROW(row_start, wait_for)
