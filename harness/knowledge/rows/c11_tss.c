/* tss_create, tss_set, tss_get: each thread's own object */
#include "row.h"

#include <threads.h>

static tss_t key;

/* The calling thread's own object; the broken one hands out one for all. */
static int *
mine(void)
{
	static int everybodys;
	int *object = tss_get(key);

	if (!object && !BROKEN) {
		object = calloc(1, sizeof *object);
		must(object && tss_set(key, object) == thrd_success);
	}
	return object ? object : &everybodys;
}

static void
use(void)
{
	for (int i = 0; i < ROUNDS; i++)
		++*mine();
}

int
main(void)
{
	must(tss_create(&key, free) == thrd_success);
	in_two_threads(use, use);
	tss_delete(key);
	return 0;
}
