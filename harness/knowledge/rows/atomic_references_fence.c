/*
 * atomic_fetch_sub, release, and atomic_thread_fence, acquire: the last
 * reference frees
 */
#include "row.h"

#include <stdatomic.h>

static struct object {
	atomic_int references;
	int parts[2]; /* each thread writes one, who frees reads both */
} * object;
static int sum;

static void
leave(int part)
{
	bool last;

	if (!BROKEN)
		object->parts[part] = 1;
	last = atomic_fetch_sub_explicit(
		   &object->references, 1, memory_order_release) == 1;
	if (BROKEN)
		object->parts[part] = 1;
	if (last) {
		atomic_thread_fence(memory_order_acquire);
		sum = object->parts[0] + object->parts[1];
		if (!BROKEN)
			free(object);
	}
}

static void
first(void)
{
	leave(0);
}

static void
second(void)
{
	leave(1);
}

int
main(void)
{
	object = calloc(1, sizeof *object);
	must(object != NULL);
	atomic_init(&object->references, 2);
	in_two_threads(first, second);
	must(BROKEN || sum == 2);
	return 0;
}
