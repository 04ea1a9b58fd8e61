/*
 * same_port - all clients of a server are on the same port of the server:
 * accept makes a new descriptor, not a new port
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

enum { CLIENTS = 3 };

static struct sockaddr_in
name_of(int fd)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		err(1, "getsockname");
	return address;
}

int
main(void)
{
	struct sockaddr_in any = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) != 0 ||
	    listen(listener, CLIENTS) != 0)
		err(1, "listen");
	any = name_of(listener);
	for (int i = 1; i <= CLIENTS; i++) {
		int client = socket(AF_INET, SOCK_STREAM, 0), accepted;

		if (connect(client, (struct sockaddr *)&any, sizeof(any)) != 0)
			err(1, "connect");
		accepted = accept(listener, NULL, NULL);
		printf("client %d: a new descriptor, %s port\n", i,
		    name_of(accepted).sin_port == any.sin_port ? "the same"
							       : "another");
	}
	return 0;
}
