/*
 * Barriers and fences under ThreadSanitizer.
 *
 * TSan's pthread_barrier_wait reads the barrier once more when the wait is
 * over: a race with whoever destroys it, which POSIX allows to the first that
 * comes out. So the wait is the C library's, and TSan is told what it orders.
 *
 * TSan takes no fence for anything. Here each release fence comes before each
 * later acquire fence: more than C11 says, but only in programs with fences.
 */
#include "perturb.h"

static uint64_t fence_edge;

int
pthread_barrier_wait(pthread_barrier_t *barrier)
{
	int result;

	shim_enter(__builtin_return_address(0));
	if (config.tsan && !config.tsan_in_front && real.libc_barrier_wait) {
		/* Who waits for a barrier that is being destroyed is racing. */
		if (__tsan_read1)
			__tsan_read1(barrier);
		__tsan_release(barrier);
		result = real.libc_barrier_wait(barrier);
		__tsan_acquire(barrier);
	} else {
		result = real.pthread_barrier_wait(barrier);
	}
	shim_leave();
	return result;
}

/* What the compiler makes of atomic_thread_fence; order: as in C11. */
void
__tsan_atomic_thread_fence(int order)
{
	if (!atomic_load_explicit(&shim_ready, memory_order_acquire))
		shim_set_up();
	if (config.tsan && order >= memory_order_release)
		__tsan_release(&fence_edge);
	if (real.__tsan_atomic_thread_fence)
		real.__tsan_atomic_thread_fence(order);
	if (config.tsan && order != memory_order_relaxed &&
	    order != memory_order_release)
		__tsan_acquire(&fence_edge);
}
