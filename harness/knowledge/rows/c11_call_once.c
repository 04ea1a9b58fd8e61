/* call_once: what the first caller makes, all callers use */
#include "row.h"

#include <threads.h>

static once_flag once = ONCE_FLAG_INIT;
static int table, copies[2];

static void
make(void)
{
	table = 1;
}

static void
first(void)
{
	call_once(&once, make);
	copies[0] = table;
}

static void
second(void)
{
	if (BROKEN)
		make();
	else
		call_once(&once, make);
	copies[1] = table;
}

int
main(void)
{
	in_two_threads(first, second);
	must(copies[0] == 1 && copies[1] == 1);
	return 0;
}
