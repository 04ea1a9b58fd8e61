#define _POSIX_C_SOURCE 200809L

#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Closes fd, unless it is -1, and fails with the given error. */
static int
fail(int fd, int error)
{
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

int
net_parse(const char *text, int port, struct net_address *address)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons((in_port_t)port);
		address->size = sizeof(address->v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons((in_port_t)port);
		address->size = sizeof(address->v6);
		return 0;
	}
	return fail(-1, EINVAL);
}

void
net_format(const struct net_address *address, char name[NET_NAME_SIZE])
{
	bool v6 = address->any.sa_family == AF_INET6;
	char host[INET6_ADDRSTRLEN] = "?";

	if (v6)
		inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
	snprintf(name, NET_NAME_SIZE, v6 ? "[%s]:%d" : "%s:%d", host,
	    ntohs(v6 ? address->v6.sin6_port : address->v4.sin_port));
}

int
net_listen(struct net_address *address)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM, 0);
	int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, &address->any, address->size) < 0 ||
	    listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, &address->any, &address->size) < 0)
		return fail(fd, errno);
	return fd;
}

int
net_connect(const struct net_address *address)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM, 0);

	/* After EINTR the attempt goes on; Linux lets us wait for it again. */
	while (fd < 0 || connect(fd, &address->any, address->size) < 0)
		if (fd < 0 || errno != EINTR)
			return fail(fd, errno);
	return fd;
}

int
net_send_all(int fd, const void *data, size_t size)
{
	const char *next = data, *end = next + size;

	while (next < end) {
		ssize_t n = send(fd, next, (size_t)(end - next), MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			next += n;
	}
	return 0;
}

/* Waits for a byte and returns it, or -1 with errno 0 at the end. */
static int
next_byte(struct net_reader *reader)
{
	while (reader->next == reader->end) {
		ssize_t n =
		    recv(reader->fd, reader->buffer, sizeof(reader->buffer), 0);

		if (n == 0 || (n < 0 && errno != EINTR))
			return fail(-1, n < 0 ? errno : 0);
		reader->next = 0;
		reader->end = n > 0 ? (size_t)n : 0;
		if (n > 0 && reader->received != NULL)
			reader->received(reader->owner, (size_t)n);
	}
	return (unsigned char)reader->buffer[reader->next++];
}

ssize_t
net_read_line(struct net_reader *reader, char line[NET_LINE_MAX + 1])
{
	size_t length = 0;
	int byte;

	while ((byte = next_byte(reader)) != '\n' || reader->skipping) {
		if (byte < 0)
			return -1;
		if (reader->skipping) {
			reader->skipping = byte != '\n';
		} else if (length <= NET_LINE_MAX) {
			line[length++] = (char)byte;
		} else {
			reader->skipping = true;
			return fail(-1, EMSGSIZE);
		}
	}
	if (length > 0 && line[length - 1] == '\r')
		length--;
	if (length > NET_LINE_MAX)
		return fail(-1, EMSGSIZE);
	line[length] = '\0';
	return (ssize_t)length;
}
