/* pthread_once: what the first caller makes, all callers use */
#include "row.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int table, copies[2];

static void
make(void)
{
	table = 1;
}

static void
first(void)
{
	must(pthread_once(&once, make) == 0);
	copies[0] = table;
}

static void
second(void)
{
	if (BROKEN)
		make();
	else
		must(pthread_once(&once, make) == 0);
	copies[1] = table;
}

int
main(void)
{
	in_two_threads(first, second);
	must(copies[0] == 1 && copies[1] == 1);
	return 0;
}
