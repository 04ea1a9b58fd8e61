/*
 * pthread_once, pthread_key_create, pthread_getspecific: a key made once, each
 * thread's own object, given back by the key's destructor
 */
#include "row.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void
make_key(void)
{
	must(pthread_key_create(&key, free) == 0);
}

/* The calling thread's own object; the broken one hands out one for all. */
static int *
mine(void)
{
	static int everybodys;
	int *object;

	must(pthread_once(&once, make_key) == 0);
	object = pthread_getspecific(key);
	if (!object && !BROKEN) {
		object = calloc(1, sizeof *object);
		must(object && pthread_setspecific(key, object) == 0);
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
	in_two_threads(use, use);
	must(pthread_key_delete(key) == 0);
	return 0;
}
