/* The macros of the socket headers: sets, byte orders, addresses, control messages. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int
main(void)
{
	struct sockaddr_in6 peer = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct addrinfo hints = { .ai_flags = AI_PASSIVE }, *list = NULL;
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(0, &readable);
	FD_CLR(0, &readable);
	assert(!FD_ISSET(0, &readable));
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &hints.ai_flags, sizeof(int));
	peer.sin6_port = htons(9090);
	if (IN6_IS_ADDR_LOOPBACK(&peer.sin6_addr) && ntohl(htonl(7)) == 7)
		printf("%d %zu\n", be16toh(peer.sin6_port), offsetof(struct sockaddr_un, sun_path));
	if (getaddrinfo(NULL, "9090", &hints, &list) == 0)
		freeaddrinfo(list);
	while (TEMP_FAILURE_RETRY(close(dup(0))) == -1)
		;
	return 0;
}
