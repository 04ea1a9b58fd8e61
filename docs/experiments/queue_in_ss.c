/*
 * queue_in_ss - what ss(8) shows of a server that has stopped calling accept
 *
 * Two clients connect, both send a line, and the server accepts only the
 * first, whose line it doesn't read either. Then the program calls ss for its
 * own port, as you would in a terminal.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <err.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address = {.sin_family = AF_INET};
static socklen_t size = sizeof(address);

/* Connects to the server and sends a text, until it is all acknowledged. */
static void
send_line(const char *text, size_t length)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int waits = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0 ||
	    send(fd, text, length, 0) != (ssize_t)length)
		err(1, "client");
	while (ioctl(fd, SIOCOUTQ, &waits) == 0 && waits > 0)
		sched_yield(); /* see tcp(7) */
}

int
main(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char command[100];

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    listen(listener, 8) < 0)
		err(1, "listen");
	send_line("hello\n", 6);
	if (accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0)
		err(1, "accept");
	send_line("anybody there?\n", 15);
	snprintf(command, sizeof(command), "ss -tanp 'sport = :%d'",
	    ntohs(address.sin_port));
	return system(command) != 0;
}
