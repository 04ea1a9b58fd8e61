/*
 * echo_client - a variant: one poll(2) loop reads the keyboard and the socket
 * at the same time; `exit` is sent to nobody; the prompt goes to stderr
 */

#define _GNU_SOURCE

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct bytes {
	char *data;
	size_t used, room;
};

static void
usage(FILE *out)
{
	fprintf(out, "usage: echo_client [-a ADDRESS] [-p PORT]\n");
}

static _Noreturn void
die(int status, const char *what, const char *why)
{
	fprintf(stderr, "echo_client: %s: %s\n", what, why);
	if (status == 2)
		usage(stderr);
	exit(status);
}

static void
append(struct bytes *to, const char *data, size_t size)
{
	if (to->used + size > to->room) {
		to->room = 2 * (to->used + size);
		to->data = realloc(to->data, to->room);
		if (to->data == NULL)
			die(1, "memory", "none left");
	}
	memcpy(to->data + to->used, data, size);
	to->used += size;
}

static void
drop(struct bytes *from, size_t size)
{
	from->used -= size;
	memmove(from->data, from->data + size, from->used);
}

/*
 * Moves whole lines of typed to out; ended: the last one needs no newline.
 * Returns 1 when the input is over, by exit or by its end.
 */
static int
take_lines(struct bytes *typed, struct bytes *out, int ended)
{
	size_t from = 0;
	char *end;

	while ((end = memchr(typed->data + from, '\n', typed->used - from))) {
		size_t size = (size_t)(end - (typed->data + from)) + 1;

		if (size == 5 && !memcmp(typed->data + from, "exit\n", 5))
			return 1;
		append(out, typed->data + from, size);
		from += size;
	}
	drop(typed, from);
	if (!ended)
		return 0;
	if (typed->used != 4 || memcmp(typed->data, "exit", 4) != 0)
		append(out, typed->data, typed->used);
	return 1;
}

static int
dial(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *found;
	int fd;

	if (!*host || getaddrinfo(host, port, &hints, &found) != 0)
		die(2, host, "not an address");
	fd = socket(found->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) < 0)
		die(1, "connect", strerror(errno));
	fprintf(stderr,
	    strchr(host, ':') ? "connected to [%s]:%s\n"
			      : "connected to %s:%s\n",
	    host, port);
	freeaddrinfo(found);
	return fd;
}

/* Sends what goes now; returns how many bytes the server owes us then. */
static size_t
send_some(int fd, struct bytes *out)
{
	ssize_t n = send(fd, out->data, out->used, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die(1, "send", strerror(errno));
	if (n <= 0)
		return 0;
	fprintf(stderr, "sent %zd bytes\n", n);
	drop(out, (size_t)n);
	return (size_t)n;
}

static size_t
receive_some(int fd)
{
	char data[4096];
	ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		die(1, "receive", n ? strerror(errno) : "the server has gone");
	fprintf(stderr, "received %zd bytes\n", n);
	for (ssize_t done = 0; done < n;) {
		ssize_t m =
		    write(STDOUT_FILENO, data + done, (size_t)(n - done));

		if (m < 0)
			die(1, "stdout", strerror(errno));
		done += m;
	}
	return (size_t)n;
}

static void
converse(int fd)
{
	struct bytes typed = {NULL, 0, 0}, out = {NULL, 0, 0};
	int prompts = isatty(STDIN_FILENO), over = 0, due = 1;
	size_t owed = 0;

	append(&typed, "", 0);
	append(&out, "", 0);
	while (!over || out.used || owed) {
		struct pollfd set[2] = {
		    {.fd = over ? -1 : STDIN_FILENO, .events = POLLIN},
		    {.fd = fd, .events = POLLIN | (out.used ? POLLOUT : 0)},
		};

		if (prompts && due && !over && !out.used && !owed) {
			fprintf(stderr, "> ");
			due = 0;
		}
		if (poll(set, 2, -1) < 0)
			continue;
		if (set[0].revents) {
			char data[8192];
			ssize_t n = read(STDIN_FILENO, data, sizeof(data));

			append(&typed, data, n > 0 ? (size_t)n : 0);
			over = take_lines(&typed, &out, n <= 0);
			due = 1;
		}
		if (set[1].revents & (POLLIN | POLLHUP | POLLERR)) {
			size_t n = receive_some(fd);

			owed -= n < owed ? n : owed;
		}
		if (set[1].revents & POLLOUT)
			owed += send_some(fd, &out);
	}
	free(typed.data);
	free(out.data);
}

int
main(int argc, char *argv[])
{
	const char *host = "127.0.0.1", *port = "9090";
	char *end;
	int option, fd;

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
	fd = dial(host, port);
	converse(fd);
	close(fd);
	fprintf(stderr, "disconnected\n");
	return 0;
}
