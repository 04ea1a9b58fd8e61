/*
 * reset - whoever closes with unread bytes resets the connection
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
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

int
main(void)
{
	char text[64];
	int pair[2];

	connect_pair(pair);
	check((int)write(pair[1], "welcome", 7), "write");
	/* Waits until it is there, and does not take it. */
	check((int)recv(pair[0], text, sizeof(text), MSG_PEEK), "recv");
	close(pair[0]);
	printf("client: leaves without having read\n");

	if (read(pair[1], text, sizeof(text)) < 0)
		printf("server: read fails: %s\n", strerror(errno));
	return 0;
}
