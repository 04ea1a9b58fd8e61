/* Writes one byte at 1 TiB: a file that is larger than any limit, and holds nothing. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "hostile.h"

#include <fcntl.h>

int
main(void)
{
	int fd = open("huge", O_WRONLY | O_CREAT, 0600);

	(void)!pwrite(fd, "x", 1, (off_t)1 << 40);
	for (;;)
		pause();
}
