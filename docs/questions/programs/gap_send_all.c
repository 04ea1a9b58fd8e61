/* Sends a text through a socket that takes at most three bytes at a time. */

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* As write(2) where the kernel has little room. */
static ssize_t
write_some(int fd, const char *bytes, size_t size)
{
	return write(fd, bytes, size < 3 ? size : 3);
}

/* Sends all size bytes, in as many pieces as it takes; 0, or -1. */
static int
send_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write_some(fd, bytes, size);

		if (n < 0)
			return -1;
		/* GAP */
		size -= (size_t)n;
	}
	return 0;
}

int
main(void)
{
	char text[64];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 1;
	if (send_all(pair[0], "every byte counts", 17) < 0)
		return 1;
	printf("%.*s\n", (int)read(pair[1], text, sizeof(text)), text);
	return 0;
}
