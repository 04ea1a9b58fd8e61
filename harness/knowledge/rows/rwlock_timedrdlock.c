/* pthread_rwlock_timedrdlock: a lock to read, waited for until a time */
#include "row.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void
read_lock(void)
{
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);

	must(pthread_rwlock_timedrdlock(&lock, &until) == 0);
}

static int value, copy; /* under lock; the reader's own */

static void
writer(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (BROKEN != 1)
			must(pthread_rwlock_wrlock(&lock) == 0);
		value++;
		if (BROKEN != 1)
			must(pthread_rwlock_unlock(&lock) == 0);
	}
}

static void
reader(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		read_lock();
		copy = value;
		must(copy <= ROUNDS);
		if (BROKEN == 2)
			return;
		must(pthread_rwlock_unlock(&lock) == 0);
	}
}

int
main(void)
{
	if (BROKEN == 2)
		in_another_thread(reader);
	else
		in_two_threads(writer, reader);
	return 0;
}
