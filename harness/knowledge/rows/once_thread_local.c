/* _Thread_local: a variable that each thread has for itself */
#include "row.h"

static _Thread_local int mine;
static int everybodys;

static void
count(void)
{
	for (int i = 0; i < ROUNDS; i++)
		++*(BROKEN ? &everybodys : &mine);
}

int
main(void)
{
	in_two_threads(count, count);
	must(mine == 0);
	return 0;
}
