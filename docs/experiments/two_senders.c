/*
 * Shows a bug: two send to one socket. A long line did not fit at once; before
 * its rest is sent, the other sends a line, and it lands in the middle.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	LINE = 1 << 20, /* more than the kernel keeps for a socket */
};

static char line[LINE], received[LINE + 16];

/* Reads all that is there. */
static size_t
read_available(int fd, size_t have)
{
	ssize_t n;

	while ((n = recv(fd, received + have, sizeof(received) - have,
		    MSG_DONTWAIT)) > 0)
		have += (size_t)n;
	return have;
}

int
main(void)
{
	int pair[2];
	size_t sent, have;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 1;
	memset(line, 'x', sizeof(line));
	line[LINE - 1] = '\n';

	sent = (size_t)send(pair[0], line, LINE, MSG_DONTWAIT);
	have = read_available(pair[1], 0);
	send(pair[0], "hello\n", 6, MSG_DONTWAIT); /* the other sender */
	have = read_available(pair[1], have);
	while (sent < LINE) {
		sent += (size_t)send(
		    pair[0], line + sent, LINE - sent, MSG_DONTWAIT);
		have = read_available(pair[1], have);
	}
	printf("sent %d and 6 bytes, received %zu\n", LINE, have);
	printf("the first line received is \"xxx...xxx%.5s\"\n",
	    strchr(received, 'h'));
}
