/*
 * Sends a pattern through a TCP connection with each of the five calls that
 * send and receive, in loops that take short transfers; then what must not be
 * short: MSG_PEEK, MSG_WAITALL, a pipe, datagrams. Says on stdout what was
 * wrong, and exits 1.
 */
#include "tcp_pair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

enum { BYTES = 4000, PART = 10, WAYS = 5 };

static char pattern[BYTES], seen[BYTES];

static ssize_t
send_by(int way, int fd, char *buf, size_t len)
{
	size_t first = len < PART ? len : PART;
	struct iovec parts[3] = {
	    {buf, 0}, {buf, first}, {buf + first, len - first}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};

	switch (way) {
	case 0:
		return write(fd, buf, len);
	case 1:
		return writev(fd, parts, 3);
	case 2:
		return send(fd, buf, len, MSG_NOSIGNAL);
	case 3:
		return sendto(fd, buf, len, 0, NULL, 0);
	default:
		return sendmsg(fd, &message, 0);
	}
}

static ssize_t
receive_by(int way, int fd, char *buf, size_t len)
{
	size_t first = len < PART ? len : PART;
	struct iovec parts[3] = {
	    {buf, 0}, {buf, first}, {buf + first, len - first}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};

	switch (way) {
	case 0:
		return read(fd, buf, len);
	case 1:
		return readv(fd, parts, 3);
	case 2:
		return recv(fd, buf, len, 0);
	case 3:
		return recvfrom(fd, buf, len, 0, NULL, NULL);
	default:
		return recvmsg(fd, &message, 0);
	}
}

/* All of the pattern, as often as it takes. Returns how many calls it took. */
static int
move(ssize_t (*by)(int, int, char *, size_t), int way, int fd, char *buf)
{
	size_t done = 0;
	ssize_t moved;
	int calls = 0;

	while (done < BYTES) {
		moved = by(way, fd, buf + done, BYTES - done);
		if (moved <= 0)
			return -1;
		done += (size_t)moved;
		calls++;
	}
	return calls;
}

static int
check(int right, const char *what)
{
	if (!right)
		printf("%s\n", what);
	return !right;
}

static int
through_tcp(const int *ends)
{
	int way, sent, got, wrong = 0;

	for (way = 0; way < WAYS; way++) {
		sent = move(send_by, way, ends[1], pattern);
		got = move(receive_by, way, ends[0], seen);
		printf("way %d: %d calls to send, %d to receive\n", way, sent,
		    got);
		wrong += check(
		    memcmp(pattern, seen, BYTES) == 0, "the data are damaged");
	}
	return wrong;
}

/* What is whole by the rules of each call. */
static int
never_short(const int *ends)
{
	int pipes[2], datagrams[2], wrong = 0;

	if (pipe(pipes) || socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams))
		return 1;
	move(send_by, 0, ends[1], pattern);
	/* The last bytes may be under way; if it were cut, it'd never end. */
	alarm(10);
	while (recv(ends[0], seen, BYTES, MSG_PEEK) != BYTES)
		continue;
	alarm(0);
	wrong += check(recv(ends[0], seen, BYTES, MSG_WAITALL) == BYTES,
	    "MSG_WAITALL was short");
	wrong += check(write(pipes[1], pattern, BYTES) == BYTES &&
		read(pipes[0], seen, BYTES) == BYTES,
	    "a pipe was short");
	wrong += check(send(datagrams[1], pattern, BYTES, 0) == BYTES &&
		recv(datagrams[0], seen, BYTES, 0) == BYTES,
	    "a datagram was short");
	return wrong;
}

int
main(void)
{
	int ends[2], i, wrong;

	for (i = 0; i < BYTES; i++)
		pattern[i] = (char)(i * 7 + i / 256);
	tcp_pair(ends);
	wrong = through_tcp(ends);
	wrong += never_short(ends);
	return wrong != 0;
}
