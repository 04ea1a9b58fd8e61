/* pthread_barrier_destroy: by the thread that is not the serial one */
#include "row.h"

static pthread_barrier_t barrier;

static void
before(void)
{
	must(pthread_barrier_init(&barrier, NULL, 2) == 0);
}

static void
meet(void)
{
	int err = pthread_barrier_wait(&barrier);

	if (err == 0)
		must(pthread_barrier_destroy(&barrier) == 0);
}

MESSAGE_ROW(before, meet, meet, nothing)
