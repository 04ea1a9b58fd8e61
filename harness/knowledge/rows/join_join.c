/* pthread_join: a thread's end */
#include "row.h"

static void
wait_for(pthread_t thread)
{
	must(pthread_join(thread, NULL) == 0);
}

JOIN_ROW(row_start, wait_for)
