/*
 * connect_answers - what connect has to say of an open port, of a closed one
 * and of a silent one
 */

#define _GNU_SOURCE /* SOCK_NONBLOCK */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket bound to a free port of loopback, and its address. */
static int
bind_somewhere(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*address = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd == -1 || bind(fd, (struct sockaddr *)address, size) != 0 ||
	    getsockname(fd, (struct sockaddr *)address, &size) != 0)
		err(1, "bind");
	return fd;
}

/* Tries a port for timeout_ms; the socket stays open. */
static void
probe(const char *name, const struct sockaddr_in *address, int timeout_ms)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int ready = 1, error = 0;

	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) !=
	    0) {
		if (errno != EINPROGRESS)
			err(1, "connect");
		ready = poll(&poll_fd, 1, timeout_ms);
	}
	if (ready == 1)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	printf("%s: poll %d, %s\n", name, ready,
	    ready == 0 ? "no answer" : strerror(error));
}

int
main(void)
{
	struct sockaddr_in open, closed;
	int listener = bind_somewhere(&open);

	bind_somewhere(&closed); /* bound, so nobody else's; not listening */
	if (listen(listener, 0) != 0)
		err(1, "listen");
	probe("closed", &closed, 5000);
	probe("open", &open, 5000);  /* and takes the queue's only place */
	probe("silent", &open, 100); /* the queue is full */
	return 0;
}
