/* A length that is negative, because nobody looked at an error. */
#include <string.h>

static char buffer[64];

int
main(int argc, char **argv)
{
	long n = argc > 5 ? 3 : -1;

	memmove(buffer, argv[0], (size_t)n);
	return 0;
}
