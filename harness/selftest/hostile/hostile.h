/*
 * What the hostile programs share: a server's beginning, so that the harness
 * goes on to the part that is hostile.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Listen on 127.0.0.1, on a port of the kernel's choice, and say so. Returns
 * the descriptor; whatever fails ends the program.
 */
static inline int
listen_somewhere(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) ||
	    listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		exit(1);
	printf("server started\nlistening on 127.0.0.1:%d\n",
	    ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

#endif
