/* Prints without end and without a newline, on FLOODED. */
#include <string.h>
#include <unistd.h>

int
main(void)
{
	static char block[1 << 16];

	memset(block, 'x', sizeof block);
	while (write(FLOODED, block, sizeof block) > 0)
		continue;
	for (;;)
		pause();
}
