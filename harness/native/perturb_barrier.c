/*
 * Barriers under ThreadSanitizer. Its pthread_barrier_wait reads the barrier
 * once more when the wait is over: a race with the thread that destroys it,
 * which POSIX allows to the first that comes out. So the wait is the C
 * library's, and the shim tells TSan what it orders.
 */
#include "perturb.h"

int
pthread_barrier_wait(pthread_barrier_t *barrier)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_pthread_barrier_wait, -1, barrier, 0, -1,
	    __builtin_return_address(0));
	if (config.tsan && !config.tsan_in_front && real.libc_barrier_wait) {
		/* A wait for a barrier that is being destroyed is a race. */
		if (__tsan_read1)
			__tsan_read1(barrier);
		__tsan_release(barrier);
		result = real.libc_barrier_wait(barrier);
		__tsan_acquire(barrier);
	} else {
		result = real.pthread_barrier_wait(barrier);
	}
	/* PTHREAD_BARRIER_SERIAL_THREAD, which one gets, is no error. */
	shim_flight_ended(result, result > 0 ? result : 0);
	shim_leave();
	return result;
}
