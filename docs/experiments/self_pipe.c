/*
 * A handler writes a byte to a pipe, and poll(2) waits for that pipe as well.
 * The signal comes here before poll(2) is called, and is not lost: the byte
 * stays. A flag would have been looked at too early.
 */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int wake[2];

static void
handler(int number)
{
	int saved = errno; /* who is interrupted may be about to look at it */
	char byte = (char)number;
	ssize_t n = write(wake[1], &byte, 1);

	(void)n; /* a full pipe needs no further byte to be readable */
	errno = saved;
}

int
main(void)
{
	struct sigaction action = {.sa_handler = handler};
	struct pollfd polled[2] = {{.events = POLLIN}, {.events = POLLIN}};
	int client[2];

	if (pipe(wake) < 0)
		return 1;
	fcntl(wake[1], F_SETFL, O_NONBLOCK); /* a handler must not wait */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, client) < 0)
		return 1;
	polled[0].fd = wake[0];
	polled[1].fd = client[0];
	sigaction(SIGTERM, &action, NULL);

	raise(SIGTERM);
	poll(polled, 2, -1);
	printf("the pipe: %s, the client: %s\n",
	    polled[0].revents ? "a signal came" : "nothing",
	    polled[1].revents ? "something came" : "nothing");
}
