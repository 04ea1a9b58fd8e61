/*
 * write_after_close - what happens to one that writes to a peer that is gone
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends the program if a call has failed; otherwise returns its result. */
static int
check(int result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
	return result;
}

/* Makes a TCP connection to ourselves: pair[0] and pair[1] are its ends. */
static void
connect_pair(int pair[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(listener, (struct sockaddr *)&address, size), "bind");
	check(listen(listener, 1), "listen");
	check(getsockname(listener, (struct sockaddr *)&address, &size),
	    "getsockname");
	pair[0] = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	check(connect(pair[0], (struct sockaddr *)&address, size), "connect");
	pair[1] = check(accept(listener, NULL, NULL), "accept");
	close(listener);
}

/* Returns a socket whose peer has closed, and has said so with a reset. */
static int
socket_without_peer(void)
{
	struct pollfd end = {.events = 0}; /* POLLHUP always counts */
	int pair[2];
	int n;

	connect_pair(pair);
	close(pair[1]);
	n = check((int)write(pair[0], "hello", 5), "write");
	printf("the first write returns %d\n", n);
	end.fd = pair[0];
	check(poll(&end, 1, -1), "poll");
	return pair[0];
}

int
main(void)
{
	int fd = socket_without_peer();
	int status;
	pid_t child;

	fflush(stdout); /* or the child would have that line as well */
	child = check(fork(), "fork");
	if (child == 0) {
		check((int)write(fd, "hello", 5), "write");
		_exit(0);
	}
	check(waitpid(child, &status, 0), "waitpid");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		printf("the second write kills the process: SIGPIPE\n");

	signal(SIGPIPE, SIG_IGN);
	if (write(fd, "hello", 5) < 0)
		printf("where SIGPIPE is ignored: %s\n", strerror(errno));
	signal(SIGPIPE, SIG_DFL);
	if (send(fd, "hello", 5, MSG_NOSIGNAL) < 0)
		printf("with MSG_NOSIGNAL: %s\n", strerror(errno));
	return 0;
}
