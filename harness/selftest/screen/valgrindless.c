/* Numbers and loops that look a little like what valgrind listens to; popen and system by the way. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t
rotated(uint64_t x)
{
	x = x << 3 | x >> 61;
	x = x << 13 | x >> 51;
	x = x << 61 | x >> 3;
	return x << 51 | x >> 13;
}

int
main(int argc, char **argv)
{
	char *end;
	long n = strtol(argc > 1 ? argv[1] : "1", &end, 10);

	if (*end != '\0' || getenv("LAB_VERBOSE") != NULL)
		fprintf(stderr, "%s: %s\n", argv[0], strerror(22));
	printf("%llu\n", (unsigned long long)rotated((uint64_t)n));
	return 0;
}
