/* A memcpy within one buffer. */
#include <string.h>

static char buffer[64];

int
main(int argc, char **argv)
{
	(void)argv;
	memcpy(buffer, buffer + argc, 16);
	return buffer[0];
}
