/*
 * echo_server - a variant: poll(2), a pipe for signals, sockets that never
 * block, sums of bytes instead of a line for each read
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int wake[2];

static void
on_signal(int number)
{
	int saved = errno;
	char byte = (char)number;

	if (write(wake[1], &byte, 1) < 0)
		_exit(1);
	errno = saved;
}

static void
usage(FILE *out)
{
	fprintf(out, "usage: echo_server [-a ADDRESS] [-p PORT]\n");
}

static _Noreturn void
die(int status, const char *what, const char *why)
{
	fprintf(stderr, "echo_server: %s: %s\n", what, why);
	if (status == 2)
		usage(stderr);
	exit(status);
}

static void
name_of(const struct sockaddr *sa, socklen_t size, char *name, size_t room)
{
	char host[64], port[16];

	getnameinfo(sa, size, host, sizeof(host), port, sizeof(port),
	    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(
	    name, room, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

/* Waits until fd is ready for events; returns 0 when it is time to stop. */
static int
ready(int fd, short events)
{
	struct pollfd set[2] = {
	    {.fd = wake[0], .events = POLLIN}, {.fd = fd, .events = events}};

	for (;;) {
		if (poll(set, 2, -1) < 0 && errno != EINTR)
			return 0;
		if (set[0].revents)
			return 0;
		if (set[1].revents)
			return 1;
	}
}

/* Returns 0 when the server is to stop, 1 when the client has left. */
static int
serve(int fd, const char *name)
{
	unsigned long received = 0, sent = 0;
	char data[1024];
	ssize_t n = 1;
	int going = 1;

	while (n != 0 && (going = ready(fd, POLLIN))) {
		ssize_t done = 0;

		n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			break;
		received += (unsigned long)n;
		while (done < n && (going = ready(fd, POLLOUT))) {
			ssize_t m = send(fd, data + done, (size_t)(n - done),
			    MSG_DONTWAIT | MSG_NOSIGNAL);

			if (m < 0 && errno != EAGAIN && errno != EINTR)
				break;
			if (m > 0) {
				done += m;
				sent += (unsigned long)m;
			}
		}
		if (done < n)
			break;
	}
	dprintf(STDOUT_FILENO, "received %lu bytes from %s\n", received, name);
	dprintf(STDOUT_FILENO, "sent %lu bytes to %s\n", sent, name);
	return going;
}

static int
start(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *found;
	char what[128];
	int fd, on = 1;

	if (!*host || getaddrinfo(host, port, &hints, &found) != 0)
		die(2, host, "not an address");
	snprintf(what, sizeof(what), "bind %s port %s", host, port);
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		die(1, "socket", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, found->ai_addr, found->ai_addrlen) < 0 ||
	    listen(fd, 100) < 0)
		die(1, what, strerror(errno));
	freeaddrinfo(found);
	return fd;
}

int
main(int argc, char *argv[])
{
	const char *host = "127.0.0.1", *port = "9090";
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char name[128], *end;
	int option, listener, going = 1;

	while ((option = getopt(argc, argv, "ha:p:")) != -1) {
		if (option == 'h') {
			usage(stdout);
			return 0;
		} else if (option == 'a') {
			host = optarg;
		} else if (option == 'p') {
			port = optarg;
		} else {
			usage(stderr);
			return 2;
		}
	}
	if (argc > optind)
		die(2, argv[optind], "surplus");
	errno = 0;
	if (*port < '0' || *port > '9' || strtoul(port, &end, 10) > 65535 ||
	    *end || errno)
		die(2, port, "not a port");
	dprintf(STDOUT_FILENO, "server started\n");
	listener = start(host, port);
	if (pipe2(wake, O_NONBLOCK | O_CLOEXEC) < 0)
		die(1, "pipe", strerror(errno));
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	getsockname(listener, (struct sockaddr *)&address, &size);
	name_of((struct sockaddr *)&address, size, name, sizeof(name));
	dprintf(STDOUT_FILENO, "listening on %s\n", name);

	while (going && ready(listener, POLLIN)) {
		int fd;

		size = sizeof(address);
		fd = accept4(listener, (struct sockaddr *)&address, &size,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		name_of((struct sockaddr *)&address, size, name, sizeof(name));
		dprintf(STDOUT_FILENO, "client %s connected\n", name);
		going = serve(fd, name);
		close(fd);
		dprintf(STDOUT_FILENO, "client %s disconnected\n", name);
	}
	close(listener);
	dprintf(STDOUT_FILENO, "server stopped\n");
	return 0;
}
