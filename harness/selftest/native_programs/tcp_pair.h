/* For the programs that test the shim: a TCP connection with oneself. */
#ifndef TCP_PAIR_H
#define TCP_PAIR_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* A listening socket on a port of the kernel's choice; its address in *at. */
static inline int
tcp_listen(struct sockaddr_in *at)
{
	socklen_t len = sizeof *at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*at = (struct sockaddr_in){.sin_family = AF_INET};
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)at, len) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)at, &len))
		abort();
	return fd;
}

/* A socket connected to that address. */
static inline int
tcp_connect(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)at, sizeof *at))
		abort();
	return fd;
}

/* Both ends of a connection: ends[0] was accepted. */
static inline void
tcp_pair(int ends[2])
{
	struct sockaddr_in at;
	int listener = tcp_listen(&at);

	ends[1] = tcp_connect(&at);
	ends[0] = accept(listener, NULL, NULL);
	if (ends[0] < 0)
		abort();
	close(listener);
}

#endif
