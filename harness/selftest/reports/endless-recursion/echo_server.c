/* A function that calls itself for ever. */
#include <stdio.h>

static int
count(int n)
{
	char line[256];

	snprintf(line, sizeof(line), "%d", n);
	return count(n + 1) + line[0];
}

int
main(void)
{
	return count(0);
}
