/*
 * accept_queue - a client is connected before the program calls accept(2)
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

/* A socket that listens on a port of the kernel's choice, told in *address. */
static int
listen_on_loopback(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	*address = (struct sockaddr_in){.sin_family = AF_INET};
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)address, size), "bind");
	check(listen(fd, 8), "listen");
	check(
	    getsockname(fd, (struct sockaddr *)address, &size), "getsockname");
	return fd;
}

/* A new connection to address. */
static int
connect_to(const struct sockaddr_in *address)
{
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	check(connect(fd, (const struct sockaddr *)address, sizeof(*address)),
	    "connect");
	return fd;
}

int
main(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	int client = connect_to(&address);
	char text[64];
	int server, n;

	printf("client: connected\n");
	n = check((int)write(client, "hello", 5), "write");
	printf("client: sent %d bytes\n", n);
	close(client);
	printf("client: gone\n");

	server = check(accept(listener, NULL, NULL), "accept");
	printf("server: accepted\n");
	n = check((int)read(server, text, sizeof(text)), "read");
	printf("server: received %d bytes\n", n);
	n = check((int)read(server, text, sizeof(text)), "read");
	printf("server: received %d bytes\n", n);
	return 0;
}
