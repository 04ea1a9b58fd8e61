/* Echoes what comes on standard input. One line of it is wrong. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Sends all size bytes, in as many pieces as it takes; 0, or -1. */
static int
send_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Sends back what comes, until the end; 0, or -1. */
static int
echo(int from, int to)
{
	char buffer[1024];

	for (;;) {
		ssize_t n = read(from, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		if (send_all(to, buffer, strlen(buffer)) < 0)
			return -1;
	}
}

int
main(void)
{
	return echo(STDIN_FILENO, STDOUT_FILENO) < 0;
}
