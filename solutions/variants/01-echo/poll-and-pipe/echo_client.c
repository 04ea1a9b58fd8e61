/*
 * echo_client - sends standard input to an echo server, prints what comes back
 *
 *	echo_client [-a ADDRESS] [-p PORT]
 *
 * Poll watches the keyboard and the server at the same time, so lines need
 * not be kept whole: bytes are sent as they come, and printed as they come
 * back. Only what may still become `exit` waits at the beginning of a line.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 16384 };

/* What goes on between keyboard, server and screen. */
struct talk {
	int fd;
	char out[ROOM];   /* typed and not yet sent: the first `length` */
	size_t length;    /* bytes in out */
	size_t ready;     /* those of them that may be sent */
	bool line_begins; /* out[ready] is the first byte of a line */
	bool input_ends;  /* nothing more is read from the keyboard */
	bool prompts;     /* the keyboard is a terminal */
	bool prompted;    /* and has been asked for this line */
	unsigned long long sent, received;
};

static const char *const usage = "usage: echo_client [-a ADDRESS] [-p PORT]\n";

static void
fail(const char *what, int error)
{
	fprintf(stderr, "echo_client: %s: %s\n", what, strerror(error));
	exit(1);
}

/* Finds out how much of what was typed may be sent. */
static void
release_lines(struct talk *talk)
{
	static const char word[] = "exit\n";

	while (talk->ready < talk->length) {
		char *line = talk->out + talk->ready;
		size_t left = talk->length - talk->ready;
		char *end = memchr(line, '\n', left);

		if (talk->line_begins && left >= 5 && !memcmp(line, word, 5)) {
			talk->input_ends = true;
			talk->length = talk->ready;
			return;
		}
		if (talk->line_begins && left < 5 &&
		    !memcmp(line, word, left)) {
			if (talk->input_ends && left < 4)
				talk->ready = talk->length;
			else if (talk->input_ends)
				talk->length = talk->ready;
			return;
		}
		talk->ready += end ? (size_t)(end - line) + 1 : left;
		talk->line_begins = end != NULL;
	}
}

static void
read_keyboard(struct talk *talk)
{
	ssize_t n = read(0, talk->out + talk->length, ROOM - talk->length);

	if (n < 0 && errno != EINTR)
		fail("standard input", errno);
	if (n == 0)
		talk->input_ends = true;
	talk->length += n > 0 ? (size_t)n : 0;
	talk->prompted = false;
	release_lines(talk);
}

static void
send_some(struct talk *talk)
{
	ssize_t n = send(talk->fd, talk->out, talk->ready, MSG_NOSIGNAL);

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		fail("the server is gone", errno);
	if (n <= 0)
		return;
	talk->sent += (size_t)n;
	talk->ready -= (size_t)n;
	talk->length -= (size_t)n;
	memmove(talk->out, talk->out + n, talk->length);
}

static void
receive_some(struct talk *talk)
{
	char in[ROOM];
	ssize_t n = recv(talk->fd, in, sizeof(in), 0);

	if (n == 0)
		fail("the server has hung up", ECONNRESET);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		fail("the server is gone", errno);
	for (ssize_t done = 0; done < n;) {
		ssize_t printed = write(1, in + done, (size_t)(n - done));

		if (printed < 0 && errno != EINTR)
			fail("standard output", errno);
		done += printed > 0 ? printed : 0;
	}
	talk->received += n > 0 ? (size_t)n : 0;
}

/* Until nothing more is typed and everything has come back. */
static void
converse(struct talk *talk)
{
	while (!talk->input_ends || talk->ready > 0 ||
	    talk->received < talk->sent) {
		bool listening = !talk->input_ends && talk->length < ROOM;
		struct pollfd seen[] = {
		    {.fd = talk->fd, .events = POLLIN},
		    {.fd = listening ? 0 : -1, .events = POLLIN},
		};

		if (talk->ready > 0)
			seen[0].events |= POLLOUT;
		else if (talk->prompts && !talk->prompted &&
		    !talk->input_ends && talk->received == talk->sent) {
			(void)!write(1, "echo> ", 6);
			talk->prompted = true;
		}
		if (poll(seen, 2, -1) < 0)
			continue;
		if (seen[0].revents & (POLLIN | POLLHUP | POLLERR))
			receive_some(talk);
		if (seen[0].revents & POLLOUT && talk->ready > 0)
			send_some(talk);
		if (seen[1].revents)
			read_keyboard(talk);
	}
}

static int
dial(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *where;
	int fd, error;

	if (getaddrinfo(host, port, &hints, &where) != 0) {
		fprintf(stderr, "echo_client: no such address: %s\n%s", host,
		    usage);
		exit(2);
	}
	fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	error = connect(fd, where->ai_addr, where->ai_addrlen) ? errno : 0;
	freeaddrinfo(where);
	if (error) {
		fprintf(stderr, "echo_client: nobody at %s, port %s: %s\n",
		    host, port, strerror(error));
		exit(1);
	}
	fprintf(stderr,
	    strchr(host, ':') ? "connected to [%s]:%s\n"
			      : "connected to %s:%s\n",
	    host, port);
	return fd;
}

int
main(int argc, char **argv)
{
	static struct talk talk = {.line_begins = true};
	const char *host = "127.0.0.1", *port = "9090";
	int option;

	while ((option = getopt(argc, argv, "a:p:h")) != -1) {
		if (option == 'a') {
			host = optarg;
		} else if (option == 'p') {
			port = optarg;
		} else if (option == 'h') {
			fputs(usage, stdout);
			return 0;
		} else {
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind != argc || *port == '\0' ||
	    port[strspn(port, "0123456789")] != '\0' ||
	    strtoul(port, NULL, 10) > 65535) {
		fprintf(stderr, "echo_client: bad port or operand\n%s", usage);
		return 2;
	}
	talk.fd = dial(host, port);
	talk.prompts = isatty(0);
	fcntl(talk.fd, F_SETFL, fcntl(talk.fd, F_GETFL) | O_NONBLOCK);
	converse(&talk);
	close(talk.fd);
	fprintf(stderr, "sent %llu bytes\nreceived %llu bytes\ndisconnected\n",
	    talk.sent, talk.received);
	return 0;
}
