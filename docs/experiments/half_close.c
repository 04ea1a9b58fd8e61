/*
 * half_close - read(2) returns 0 for a client that still waits for an answer
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

/* Reads once and prints who got how much. */
static void
receive(const char *who, int fd)
{
	char text[64];

	printf("%s: read returns %d\n", who,
	    check((int)read(fd, text, sizeof(text)), "read"));
}

int
main(void)
{
	int pair[2];

	connect_pair(pair);
	check((int)write(pair[0], "question", 8), "write");
	check(shutdown(pair[0], SHUT_WR), "shutdown");
	printf("client: has sent all, shutdown(SHUT_WR)\n");

	receive("server", pair[1]);
	receive("server", pair[1]);
	check((int)write(pair[1], "answer", 6), "write");
	printf("server: answers all the same\n");
	close(pair[1]);

	receive("client", pair[0]);
	receive("client", pair[0]);
	return 0;
}
