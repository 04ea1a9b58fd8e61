/* A counter that overflows, a shift too far, an index too large. */
#include <limits.h>
#include <stdio.h>

static int bytes = INT_MAX;

static int
flag(int n)
{
	return 1 << n;
}

int
main(int argc, char **argv)
{
	int table[4] = { 0, 1, 2, 3 };

	(void)argv;
	bytes += argc;
	printf("%d %d\n", bytes, flag(argc + 31));
	return table[argc + 2] == 7;
}
