/*
 * Ten bytes have come, and only one of them is read. epoll(7) tells of the
 * rest again if it reports levels, and is silent if it reports edges.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* How many descriptors epoll names before and after one byte is read. */
static void
report(const char *name, unsigned int mode)
{
	struct epoll_event event = {.events = EPOLLIN | mode};
	int epoll = epoll_create1(0);
	int pair[2], before, after;
	char byte;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		exit(1);
	epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event);
	send(pair[1], "ten bytes!", 10, 0);

	before = epoll_wait(epoll, &event, 1, 0);
	recv(pair[0], &byte, 1, 0);
	after = epoll_wait(epoll, &event, 1, 0);
	printf(
	    "%s: %d at first, %d with nine bytes left\n", name, before, after);
	close(pair[0]);
	close(pair[1]);
	close(epoll);
}

int
main(void)
{
	report("level", 0);
	report("edge", EPOLLET);
}
