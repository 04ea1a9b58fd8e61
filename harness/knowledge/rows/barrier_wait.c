/* pthread_barrier_wait: two threads wait for each other */
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

	must(err == 0 || err == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void
after(void)
{
	must(pthread_barrier_destroy(&barrier) == 0);
}

MESSAGE_ROW(before, meet, meet, after)
