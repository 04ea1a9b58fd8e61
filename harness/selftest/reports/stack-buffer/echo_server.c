/* A terminating NUL one past the end of a full buffer. */
#include <stdio.h>
#include <unistd.h>

static void
serve_client(int fd)
{
	char line[16];
	ssize_t n = read(fd, line, sizeof(line));

	if (n < 0)
		return;
	line[n] = '\0';
	puts(line);
}

int
main(void)
{
	int fds[2];

	if (pipe(fds) == -1 || write(fds[1], "0123456789abcdef", 16) != 16)
		return 1;
	serve_client(fds[0]);
	return 0;
}
