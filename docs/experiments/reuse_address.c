/*
 * A server that has closed a connection is gone, and its port is still held.
 * Whether it can be had again bind(2) decides: SO_REUSEADDR must be set before.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address;

/* A socket with SO_REUSEADDR, or without. */
static int
new_socket(int reuse)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse)) < 0)
		err(1, "socket");
	return fd;
}

static void
serve_one_client(void)
{
	socklen_t size = sizeof(address);
	int listener = new_socket(1), client = new_socket(0), server;

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    connect(client, (struct sockaddr *)&address, size) < 0)
		err(1, "serve");
	server = accept(listener, NULL, NULL);
	close(server); /* who closes first holds the port a while */
	close(client);
	close(listener);
}

static void
bind_again(const char *how, int fd)
{
	errno = 0;
	bind(fd, (struct sockaddr *)&address, sizeof(address));
	printf("%s: %s\n", how, strerror(errno));
	close(fd);
}

int
main(void)
{
	serve_one_client();
	bind_again("bind without SO_REUSEADDR", new_socket(0));
	bind_again("SO_REUSEADDR, then bind", new_socket(1));
	return 0;
}
