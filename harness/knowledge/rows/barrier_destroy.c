/* pthread_barrier_destroy: by the serial thread as soon as it returns */
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

	if (err == PTHREAD_BARRIER_SERIAL_THREAD)
		err = pthread_barrier_destroy(&barrier);
	must(err == 0);
}

MESSAGE_ROW(before, meet, meet, nothing)
