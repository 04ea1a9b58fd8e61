/*
 * bad_read: reads one byte past an allocation. `make doctor` runs it to see
 * that AddressSanitizer starts on this machine and finds that.
 */
#include <stdlib.h>

int
main(int argc, char **argv)
{
	char *byte = malloc(1);
	int past;

	(void)argv;
	if (!byte)
		return 2;
	byte[0] = 0;
	past = byte[argc]; /* argc is 1: a compiler can't know that */
	free(byte);
	return past;
}
