/*
 * echo_server - returns what its clients send, one client at a time
 *
 *	echo_server [-a ADDRESS] [-p PORT]
 *
 * One thread does everything: it accepts a client, sends back what it reads
 * until that client has no more to say, and then accepts the next one. Clients
 * that connect meanwhile wait in the kernel's queue of the listening socket.
 *
 * SIGINT and SIGTERM stop the server: their handler shuts down the sockets,
 * and the call that waits on one of them returns.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PORTION = 1024, /* bytes read at once */
	NAME_SIZE = 64, /* room for "[ADDRESS]:PORT" and its '\0' */
	RETRY_MS = 100, /* between tries to accept when resources are short */
};

static const char usage[] = "usage: echo_server [-a ADDRESS] [-p PORT]\n";

/* An IPv4 or IPv6 address with its port, as bind(2) and accept(2) know it. */
union address {
	struct sockaddr any; /* any.sa_family says which of the two it is */
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The sockets that a stop shuts down: set by main, read by the handler. */
static volatile sig_atomic_t listener = -1;
static volatile sig_atomic_t client = -1; /* -1: nobody is connected */

/* Set by the handler, read by main: the server is to stop. */
static volatile sig_atomic_t stopping;

/*
 * Turns text, an IPv4 or IPv6 address, and a port into an address. Returns
 * the address's size in bytes, or 0 if text is no address.
 */
static socklen_t
parse_address(const char *text, int port, union address *address)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons((in_port_t)port);
		return sizeof(address->v4);
	}
	if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons((in_port_t)port);
		return sizeof(address->v6);
	}
	return 0;
}

/* Writes an address as people do: 127.0.0.1:9090 or [::1]:9090. */
static void
format_address(const union address *address, char name[NAME_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
		snprintf(name, NAME_SIZE, "[%s]:%d", host,
		    ntohs(address->v6.sin6_port));
	} else {
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
		snprintf(name, NAME_SIZE, "%s:%d", host,
		    ntohs(address->v4.sin_port));
	}
}

/*
 * Opens a TCP socket that listens on address, which is size bytes long; the
 * address can be used again as soon as the server has ended (SO_REUSEADDR).
 * Returns the socket, or -1 with errno set.
 */
static int
listen_on(const union address *address, socklen_t size)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	/*
	 * Connections of a server that has ended linger in TIME_WAIT for a
	 * minute. Without SO_REUSEADDR the port would be taken until then.
	 */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, &address->any, size) < 0 || listen(fd, SOMAXCONN) < 0) {
		int error = errno; /* close(2) may change it */

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/*
 * Sends all size bytes of data to the client on fd, in as many pieces as the
 * kernel takes them, and prints "sent N bytes to NAME" for each piece.
 * Returns 0, or -1 if the client is gone.
 */
static int
send_all(int fd, const char *data, size_t size, const char *name)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		printf("sent %zd bytes to %s\n", n, name);
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/*
 * Sends back what the client on fd sends, in portions of at most PORTION
 * bytes, and prints "received N bytes from NAME" for each portion. Returns
 * when the client has ended its side of the connection, or is gone: a reset
 * is a way to leave like any other.
 */
static void
echo(int fd, const char *name)
{
	char portion[PORTION];

	for (;;) {
		ssize_t n = read(fd, portion, sizeof(portion));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		printf("received %zd bytes from %s\n", n, name);
		if (send_all(fd, portion, (size_t)n, name) < 0)
			return;
	}
}

/* Serves the client that was accepted as fd from address; closes fd. */
static void
serve_client(int fd, const union address *address)
{
	char name[NAME_SIZE];

	format_address(address, name);
	printf("client %s connected\n", name);
	client = fd;
	/* A signal that came before that line found no client to shut down. */
	if (!stopping)
		echo(fd, name);
	client = -1;
	printf("client %s disconnected\n", name);
	close(fd);
}

/*
 * Accepts clients and serves them, one after another, until the server is to
 * stop. No client ends it: SIGPIPE is ignored, and where accept(2) fails for
 * want of descriptors or memory the server says so once, leaves the waiting
 * clients in the queue, and tries again every RETRY_MS.
 */
static void
serve_clients(void)
{
	bool said_so = false;

	/* So that write(2) to a client that is gone fails with EPIPE. */
	signal(SIGPIPE, SIG_IGN);
	while (!stopping) {
		union address address;
		socklen_t size = sizeof(address);
		int fd = accept(listener, &address.any, &size);

		if (fd >= 0) {
			said_so = false;
			serve_client(fd, &address);
		} else if (!stopping && errno != EINTR &&
		    errno != ECONNABORTED) {
			if (!said_so)
				warn("accept");
			said_so = true;
			poll(NULL, 0, RETRY_MS);
		}
	}
}

/*
 * Handles SIGINT and SIGTERM: tells main to stop, and ends its waiting. A
 * flag alone would be too little: it could be set after main has looked at
 * it and before main waits. A socket that was shut down stays so: accept(2)
 * fails and read(2) sees the end, now or when they are called. (That holds
 * for a listening socket on Linux; elsewhere a pipe and poll(2) do it.)
 */
static void
on_stop(int signal_number)
{
	int error = errno; /* belongs to the code that we interrupt */

	(void)signal_number;
	stopping = 1;
	shutdown(listener, SHUT_RDWR);
	if (client >= 0)
		shutdown(client, SHUT_RDWR);
	errno = error;
}

/*
 * Makes SIGINT and SIGTERM call on_stop from here on. A call that waits when
 * they come fails with EINTR, for SA_RESTART is not set.
 */
static void
catch_stop_signals(void)
{
	struct sigaction action = {.sa_handler = on_stop};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Ends the program because its arguments are wrong. */
static _Noreturn void
exit_with_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

/*
 * The port that text names, 0 to 65535, or -1 if it names none. A number too
 * large for strtol(3) becomes LONG_MAX, which is refused as well: there is no
 * need to look at errno.
 */
static int
parse_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' || port > 65535)
		return -1;
	return (int)port;
}

/* Reads the command line; returns the address's size in bytes. */
static socklen_t
parse_arguments(int argc, char *argv[], union address *address)
{
	const char *host = "127.0.0.1";
	const char *port = "9090";
	socklen_t size;
	int option;

	while ((option = getopt(argc, argv, "a:p:h")) != -1) {
		switch (option) {
		case 'a':
			host = optarg;
			break;
		case 'p':
			port = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default: /* getopt has said what is wrong */
			exit_with_usage();
		}
	}
	if (optind < argc) {
		warnx("surplus operand '%s'", argv[optind]);
		exit_with_usage();
	}
	if (parse_port(port) < 0) {
		warnx("port '%s': not a number from 0 to 65535", port);
		exit_with_usage();
	}
	size = parse_address(host, parse_port(port), address);
	if (size == 0) {
		warnx("address '%s': neither IPv4 nor IPv6", host);
		exit_with_usage();
	}
	return size;
}

int
main(int argc, char *argv[])
{
	union address address;
	socklen_t size = parse_arguments(argc, argv, &address);
	char name[NAME_SIZE];

	/* Into a pipe, too, each line is to go out when it is printed. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	printf("server started\n");

	format_address(&address, name);
	listener = listen_on(&address, size);
	if (listener < 0)
		err(1, "listen on %s", name);
	catch_stop_signals();

	/* Port 0 asked the kernel to choose: see what it chose. */
	if (getsockname(listener, &address.any, &size) < 0)
		err(1, "getsockname");
	format_address(&address, name);
	printf("listening on %s\n", name);

	serve_clients();
	close(listener);
	printf("server stopped\n");
	return 0;
}
