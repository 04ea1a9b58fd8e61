/*
 * echo_client - sends each line of standard input, prints what comes back
 *
 *	echo_client [-a ADDRESS] [-p PORT]
 *
 * A line "exit" or the end of input ends it. The replies go to standard
 * output, the client's own messages to standard error.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PORTION = 1024, /* bytes sent before their echo is read */
	NAME_SIZE = 64, /* room for "[ADDRESS]:PORT" and its '\0' */
};

static const char usage[] = "usage: echo_client [-a ADDRESS] [-p PORT]\n";

/* An IPv4 or IPv6 address with its port, as connect(2) knows it. */
union address {
	struct sockaddr any; /* any.sa_family says which of the two it is */
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

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
 * Connects to the server at address, which is size bytes long. Returns the
 * connected socket, or -1 with errno set.
 */
static int
connect_to(const union address *address, socklen_t size)
{
	/*
	 * TODO 4: socket(2) and connect(2), both checked. If connect(2) fails,
	 * close the socket, and return with the errno of connect(2).
	 */
	(void)address;
	(void)size;
	warnx("TODO 4 is not written yet: connect_to");
	errno = ENOSYS;
	return -1;
}

/*
 * Sends all size bytes of data, in as many pieces as the kernel takes them,
 * and prints "sent N bytes" for each piece. Returns 0, or -1 after saying
 * what is wrong.
 */
static int
send_all(int fd, const char *data, size_t size)
{
	/*
	 * TODO 4: write(2) until nothing is left, as in the server; but here
	 * say with warn(3) what is wrong.
	 *
	 * TODO 5: print to stderr what each write(2) has really sent.
	 */
	(void)fd;
	(void)data;
	(void)size;
	return -1;
}

/*
 * Fills data with the next size bytes that the server sends, and prints
 * "received N bytes" for each piece. Returns 0, or -1 after saying what is
 * wrong; that the server has closed the connection is wrong, too.
 */
static int
receive_all(int fd, char *data, size_t size)
{
	/*
	 * TODO 4: one read(2) may bring only a part of the echo; read until
	 * it is complete. What does it mean if read(2) returns 0?
	 *
	 * TODO 5: print to stderr what each read(2) has brought.
	 */
	(void)fd;
	(void)data;
	(void)size;
	return -1;
}

/*
 * Sends a line of length bytes and prints its echo. Returns 0, or -1 after
 * saying what is wrong.
 *
 * A long line goes out in portions, each read back before the next is sent.
 * Were it sent whole, the server would block on an echo that nobody reads
 * and would read no more, and both would wait for each other for ever.
 */
static int
exchange(int fd, const char *line, size_t length)
{
	/*
	 * TODO 4: send_all a portion of the line, receive_all as many bytes,
	 * write them to stdout; so on until the end of the line. Then flush
	 * stdout, and look whether that worked.
	 */
	(void)fd;
	(void)line;
	(void)length;
	(void)send_all;
	(void)receive_all;
	return -1;
}

/*
 * Reads the next line of standard input, with a prompt if that is a terminal.
 * Returns its length in bytes, or -1 at "exit" or the end of input. The line
 * is kept in a buffer that getline(3) enlarges; the caller frees it.
 */
static ssize_t
read_line(char **line, size_t *capacity)
{
	ssize_t length;

	if (isatty(STDIN_FILENO)) {
		printf("> ");
		fflush(stdout);
	}
	length = getline(line, capacity, stdin);
	if (length < 0 || strcmp(*line, "exit\n") == 0 ||
	    strcmp(*line, "exit") == 0)
		return -1;
	return length;
}

/*
 * Exchanges one line after another with the server on fd, until the input
 * ends. Returns 0, or -1 after saying what is wrong.
 */
static int
converse(int fd)
{
	/*
	 * TODO 4: read_line and exchange until one of them says that it is
	 * over. Free the line. An error on stdin (ferror(3)) is a failure.
	 */
	(void)fd;
	(void)read_line;
	(void)exchange;
	return -1;
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
	int fd;
	int result;

	/* So that write(2) to a server that is gone fails with EPIPE. */
	signal(SIGPIPE, SIG_IGN);

	format_address(&address, name);
	fd = connect_to(&address, size);
	if (fd < 0)
		err(1, "connect to %s", name);
	fprintf(stderr, "connected to %s\n", name);

	result = converse(fd);
	close(fd);
	fprintf(stderr, "disconnected\n");
	return result == 0 ? 0 : 1;
}
