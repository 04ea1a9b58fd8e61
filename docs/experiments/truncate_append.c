/*
 * A log of 14 bytes is emptied while it is open, then 4 bytes are written.
 * Without O_APPEND they go to where the next ones would have gone.
 */

#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int
size_after(int flags)
{
	FILE *file = tmpfile();
	int fd = fileno(file);
	struct stat status;

	fcntl(fd, F_SETFL, flags);
	if (write(fd, "aaaa bbbb cccc", 14) != 14 || ftruncate(fd, 0) < 0 ||
	    write(fd, "dddd", 4) != 4)
		return -1;
	fstat(fd, &status);
	fclose(file);
	return (int)status.st_size;
}

int
main(void)
{
	printf("without O_APPEND: %d bytes\n", size_after(0));
	printf("with O_APPEND: %d bytes\n", size_after(O_APPEND));
}
