/*
 * stream_not_messages - how bytes were written says nothing of how they come
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

/* Reads at most six bytes and prints them; returns how many came. */
static int
read_six(int fd)
{
	char text[6];
	int n = check((int)read(fd, text, sizeof(text)), "read");

	printf("read(fd, text, 6) returns %d:", n);
	for (int i = 0; i < n; i++)
		printf(text[i] == '\n' ? " \\n" : " %c", text[i]);
	printf("\n");
	return n;
}

int
main(void)
{
	char all[8];
	int pair[2];

	connect_pair(pair);
	check((int)write(pair[0], "one\n", 4), "write");
	check((int)write(pair[0], "two\n", 4), "write");
	close(pair[0]);

	/* Waits until all eight are there, and leaves them there. */
	check((int)recv(pair[1], all, 8, MSG_PEEK | MSG_WAITALL), "recv");
	while (read_six(pair[1]) > 0)
		continue;
	return 0;
}
