/*
 * descriptors_run_out - with 16 descriptors there are 13 sockets and EMFILE;
 * a close makes room again, and the lowest free number is given out
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int
main(void)
{
	const struct rlimit few = {16, 16};
	int fd, last = -1, taken = 0;

	for (fd = 3; fd < 1024; fd++) /* only 0, 1 and 2 are left */
		close(fd);
	if (setrlimit(RLIMIT_NOFILE, &few) != 0)
		err(1, "setrlimit");
	while ((fd = socket(AF_INET, SOCK_STREAM, 0)) != -1) {
		last = fd;
		taken++;
	}
	printf("%d sockets, the last is number %d, then: %s\n", taken, last,
	    strerror(errno));
	close(7);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	printf("after close(7): number %d\n", fd);
	return 0;
}
