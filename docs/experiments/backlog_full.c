/*
 * backlog_full - a listener with backlog 1 that never accepts: two clients
 * are connected by the kernel, the third gets no answer
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

/* A socket that listens on a free port of loopback; its address. */
static int
listen_somewhere(struct sockaddr_in *address, int backlog)
{
	socklen_t size = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*address = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd == -1 || bind(fd, (struct sockaddr *)address, size) != 0 ||
	    listen(fd, backlog) != 0 ||
	    getsockname(fd, (struct sockaddr *)address, &size) != 0)
		err(1, "listen");
	return fd;
}

/* Does a client get connected within timeout_ms? */
static void
try_client(int number, const struct sockaddr_in *address, int timeout_ms)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) !=
		0 &&
	    errno != EINPROGRESS)
		err(1, "connect");
	if (poll(&poll_fd, 1, timeout_ms) == 0)
		printf("client %d: silence\n", number);
	else
		printf("client %d: connected\n", number);
	/* not closed: it keeps its place in the queue */
}

int
main(void)
{
	struct sockaddr_in address;
	int listener = listen_somewhere(&address, 1);

	try_client(1, &address, 5000);
	try_client(2, &address, 5000);
	try_client(3, &address, 100);
	close(listener);
	return 0;
}
