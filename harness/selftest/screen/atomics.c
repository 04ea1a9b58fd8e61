/* Counters without a lock: C11's atomics and the compiler's own. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

static atomic_int clients;
static atomic_flag busy = ATOMIC_FLAG_INIT;
static _Atomic(long) bytes;
static long served;
static _Thread_local int depth;
static __thread int errors;

int
main(void)
{
	int none = 0;

	while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
		;
	atomic_fetch_add(&clients, 1);
	atomic_store_explicit(&bytes, 5, memory_order_release);
	atomic_compare_exchange_strong(&clients, &none, 7);
	__sync_fetch_and_add(&served, 1);
	__atomic_add_fetch(&served, 2, __ATOMIC_SEQ_CST);
	atomic_flag_clear(&busy);
	depth++;
	errors--;
	printf("%d %ld %ld %d\n", atomic_load(&clients), (long)bytes, served, depth + errors);
	return 0;
}
