/*
 * self_connect - a socket that connects to its own address and port gets
 * through, although nobody listens
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int
main(void)
{
	struct sockaddr_in own = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in peer;
	socklen_t size = sizeof(own);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char answer[6] = "";

	/* The kernel chooses a port, as it does for any client. */
	if (fd == -1 || bind(fd, (struct sockaddr *)&own, size) != 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &size) != 0)
		err(1, "bind");
	if (connect(fd, (struct sockaddr *)&own, size) != 0)
		err(1, "connect");
	if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0)
		err(1, "getpeername");
	printf("connected, both ends are %s\n",
	    peer.sin_port == own.sin_port ? "the same" : "different");
	if (write(fd, "hello", 5) == 5 && read(fd, answer, 5) > 0)
		printf("I said hello, and was told %s\n", answer);
	close(fd);
	return 0;
}
