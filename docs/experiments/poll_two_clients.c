/*
 * poll_two_clients - one thread does serve two clients, if it sleeps for both
 *
 * The child process is the server, the parent plays its two clients. A
 * connects and says nothing; B connects after it, asks, and is answered.
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

/* Echoes what a client has sent; returns 0 at its end. */
static int
serve_portion(int client)
{
	char buffer[64];
	ssize_t n = read(client, buffer, sizeof(buffer));

	return n > 0 && write(client, buffer, (size_t)n) == n;
}

/* The server: one thread, which sleeps for all its sockets at once. */
static void
serve(int listener)
{
	struct pollfd sockets[3] = {{.fd = listener, .events = POLLIN}};
	nfds_t count = 1;
	int left = 0;

	while (left < 2) {
		check(poll(sockets, count, -1), "poll");
		for (nfds_t i = 1; i < count; i++) {
			if (sockets[i].revents == 0)
				continue;
			if (serve_portion(sockets[i].fd))
				continue;
			close(sockets[i].fd);
			sockets[i].fd = -1; /* poll(2) passes it over */
			left++;
		}
		if (sockets[0].revents != 0) {
			sockets[count].fd =
			    check(accept(listener, NULL, NULL), "accept");
			sockets[count++].events = POLLIN;
		}
	}
}

/* The clients: A is silent, B asks and waits for its answer. */
static void
play_clients(const struct sockaddr_in *address)
{
	char text[64];
	int n;
	int a = connect_to(address);
	int b;

	printf("A: connected, and silent\n");
	b = connect_to(address);
	check((int)write(b, "hello", 5), "write");
	printf("B: connected too, and says \"hello\"\n");
	n = check((int)read(b, text, sizeof(text)), "read");
	printf("B: the answer is \"%.*s\"\n", n, text);
	close(a);
	printf("A: leaves\n");
	close(b);
}

int
main(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	pid_t server = check(fork(), "fork");

	if (server == 0) {
		serve(listener);
		_exit(0);
	}
	play_clients(&address);
	check(waitpid(server, NULL, 0), "waitpid");
	return 0;
}
