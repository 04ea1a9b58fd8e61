/*
 * A server that no longer calls accept(2) is not paused: the kernel goes on
 * connecting clients. Only when its socket is closed they are refused, and who
 * waited in the queue is reset.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address = {.sin_family = AF_INET};

static int
client_connect(const char *when)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int result = connect(fd, (struct sockaddr *)&address, sizeof(address));

	printf("%s: connect: %s\n", when, strerror(result < 0 ? errno : 0));
	return fd;
}

int
main(void)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);
	int first;
	char byte;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener, 8) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		return 1;

	first = client_connect("nobody accepts");
	close(listener);
	client_connect("the socket is closed");
	if (recv(first, &byte, 1, 0) < 0)
		printf("the first client: %s\n", strerror(errno));
}
