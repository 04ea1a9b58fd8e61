/*
 * one_client_blocks - a server with one thread serves one client at a time
 *
 * The child process is the server, the parent plays its two clients. A
 * connects and says nothing; B connects after it and asks.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdio.h>
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

/* A socket that listens on a port of the kernel's choice, told in *address. */
static int
listen_on_loopback(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	*address = (struct sockaddr_in){.sin_family = AF_INET};
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)address, size), "bind");
	check(listen(fd, 8), "listen");
	check(
	    getsockname(fd, (struct sockaddr *)address, &size), "getsockname");
	return fd;
}

/* A new connection to address. */
static int
connect_to(const struct sockaddr_in *address)
{
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	check(connect(fd, (const struct sockaddr *)address, sizeof(*address)),
	    "connect");
	return fd;
}

/* The server: two clients, one after the other, in the only thread. */
static void
serve(int listener)
{
	for (int i = 0; i < 2; i++) {
		char buffer[64];
		ssize_t n;
		int client = check(accept(listener, NULL, NULL), "accept");

		/* Here the thread sleeps while A is silent. */
		while ((n = read(client, buffer, sizeof(buffer))) > 0)
			if (write(client, buffer, (size_t)n) != n)
				break;
		close(client);
	}
}

/* Prints what B hears within timeout_ms; -1 waits as long as it takes. */
static void
hear(int fd, int timeout_ms)
{
	struct pollfd answer = {.fd = fd, .events = POLLIN};
	char text[64];

	if (check(poll(&answer, 1, timeout_ms), "poll") == 0)
		printf("B: no answer\n");
	else
		printf("B: the answer is \"%.*s\"\n",
		    check((int)read(fd, text, sizeof(text)), "read"), text);
}

int
main(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	pid_t server = check(fork(), "fork");
	int a, b;

	if (server == 0) {
		serve(listener);
		_exit(0);
	}
	a = connect_to(&address);
	printf("A: connected, and silent\n");
	b = connect_to(&address);
	check((int)write(b, "hello", 5), "write");
	printf("B: connected too, and says \"hello\"\n");
	hear(b, 300);

	close(a);
	printf("A: leaves\n");
	hear(b, -1);
	close(b);
	check(waitpid(server, NULL, 0), "waitpid");
	return 0;
}
