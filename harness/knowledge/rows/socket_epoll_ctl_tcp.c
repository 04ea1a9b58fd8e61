/*
 * epoll_ctl, epoll_wait: a TCP socket and its client, handed to another thread
 */
#include "row.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static int server, set;
static struct sockaddr_in address = {.sin_family = AF_INET};

static void
before(void)
{
	socklen_t length = sizeof address;
	int client;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(server, (struct sockaddr *)&address, length) == 0);
	must(listen(server, 1) == 0);
	must(getsockname(server, (struct sockaddr *)&address, &length) == 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(client, (struct sockaddr *)&address, length) == 0);
	set = epoll_create1(0);
	must(client >= 0 && set >= 0);
}

static void
say(void)
{
	struct epoll_event ready = {.events = EPOLLIN};

	must(epoll_ctl(set, EPOLL_CTL_ADD, server, &ready) == 0);
}

static void
hear(void)
{
	struct epoll_event ready;

	must(epoll_wait(set, &ready, 1, -1) == 1);
}

static void
after(void)
{
	must(close(set) == 0);
	must(close(server) == 0);
}

MESSAGE_ROW(before, say, hear, after)
