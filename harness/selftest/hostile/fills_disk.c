/*
 * Writes to files until the disk is full, but at most 4 GiB: either a few large
 * ones or, with MANY, empty ones in a directory, in a directory, and so on. With
 * DELETED the large ones have no name any more, and it only holds them.
 */
#define _POSIX_C_SOURCE 200809L
#include "hostile.h"

#include <fcntl.h>
#include <sys/stat.h>

#ifndef MANY
#define MANY 0
#endif
#ifndef DELETED
#define DELETED 0
#endif

int
main(void)
{
	static char block[1 << 20];
	char name[32];
	int fd, held = -1;

	for (int i = 0; MANY && i < 20000; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		close(open(name, O_WRONLY | O_CREAT, 0600));
		if (i % 1000 == 999)
			(void)!(mkdir("deep", 0700) || chdir("deep"));
	}
	for (int i = 0; !MANY && i < 4096; i++) {
		snprintf(name, sizeof(name), "file%d", i / 200);
		fd = held;
		if (!DELETED || i % 200 == 0)
			fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
		(void)!write(fd, block, sizeof(block));
		if (DELETED) {
			unlink(name);
			held = fd;
		} else {
			close(fd);
		}
	}
	for (;;)
		pause();
}
