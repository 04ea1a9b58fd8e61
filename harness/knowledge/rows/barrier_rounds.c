/* pthread_barrier_wait: one barrier, many rounds */
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
	for (int i = 0; i < 10; i++) {
		int err = pthread_barrier_wait(&barrier);

		must(err == 0 || err == PTHREAD_BARRIER_SERIAL_THREAD);
	}
}

static void
after(void)
{
	must(pthread_barrier_destroy(&barrier) == 0);
}

MESSAGE_ROW(before, meet, meet, after)
