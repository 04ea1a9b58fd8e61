/*
 * shutdown_and_close - close(2) ends a number, shutdown(2) the connection
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ends the program if a call has failed; otherwise returns its result. */
static int
check(int result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
	return result;
}

/* Makes a TCP connection to ourselves: pair[0] and pair[1] are its ends. */
static void
connect_pair(int pair[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(listener, (struct sockaddr *)&address, size), "bind");
	check(listen(listener, 1), "listen");
	check(getsockname(listener, (struct sockaddr *)&address, &size),
	    "getsockname");
	pair[0] = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	check(connect(pair[0], (struct sockaddr *)&address, size), "connect");
	pair[1] = check(accept(listener, NULL, NULL), "accept");
	close(listener);
}

/* Reads once and prints what the peer has got. */
static void
receive(int fd)
{
	char text[64];
	int n = check((int)read(fd, text, sizeof(text)), "read");

	if (n == 0)
		printf("peer: read returns 0\n");
	else
		printf("peer: read returns %d: %.*s\n", n, n, text);
}

int
main(void)
{
	int pair[2];
	int copy;

	connect_pair(pair);
	copy = check(dup(pair[0]), "dup"); /* a fork makes such copies, too */

	close(pair[0]);
	printf("closed; a copy is still open\n");
	check((int)write(copy, "still here", 10), "write");
	receive(pair[1]);

	check(shutdown(copy, SHUT_RDWR), "shutdown");
	printf("shut down\n");
	receive(pair[1]);
	return 0;
}
