/* atomic_fetch_add, memory_order_relaxed: a counter that needs no order */
#include "row.h"

#include <stdatomic.h>

static atomic_int sum;
static int plain;

static void
count(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		atomic_fetch_add_explicit(&sum, 1, memory_order_relaxed);
		if (BROKEN)
			plain++;
	}
}

int
main(void)
{
	in_two_threads(count, count);
	must(atomic_load_explicit(&sum, memory_order_relaxed) == 2 * ROUNDS);
	return 0;
}
