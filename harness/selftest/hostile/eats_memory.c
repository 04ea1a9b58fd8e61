/* Takes memory and uses it, up to 2 GiB in all. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
main(void)
{
	for (int mib = 0; mib < 2048; mib++) {
		char *block = malloc(1 << 20);

		if (!block)
			break;
		memset(block, mib | 1, 1 << 20);
	}
	for (;;)
		pause();
}
