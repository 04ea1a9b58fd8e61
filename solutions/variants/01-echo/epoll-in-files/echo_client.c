/*
 * echo_client - sends a portion, reads its echo, and only then the next one
 *
 *	echo_client [-a ADDRESS] [-p PORT]
 *
 * A portion is a line, or as much of it as fits.
 */

#define _GNU_SOURCE

#include "place.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct portion {
	char bytes[1024];
	size_t size;
};

static _Noreturn void
die(const char *while_what)
{
	fprintf(stderr, "echo_client: while %s: %s\n", while_what,
	    errno ? strerror(errno) : "the other side has closed");
	exit(EXIT_FAILURE);
}

/* Reads up to a newline, the end of input or the end of the room. */
static bool
next_portion(struct portion *portion)
{
	int c = 0;

	portion->size = 0;
	while (portion->size < sizeof(portion->bytes) && c != '\n' &&
	    (c = getchar()) != EOF)
		portion->bytes[portion->size++] = (char)c;
	return portion->size > 0;
}

static bool
is_goodbye(const struct portion *portion)
{
	size_t size = portion->size;

	if (size > 0 && portion->bytes[size - 1] == '\n')
		size--;
	return size == 4 && memcmp(portion->bytes, "exit", 4) == 0;
}

static void
send_portion(int fd, struct portion *portion)
{
	struct iovec rest = {portion->bytes, portion->size};
	struct msghdr message = {.msg_iov = &rest, .msg_iovlen = 1};

	while (rest.iov_len > 0) {
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			die("sending");
		if (n > 0) {
			rest.iov_base = (char *)rest.iov_base + n;
			rest.iov_len -= (size_t)n;
		}
	}
	fprintf(stderr, "sent %zu bytes\n", portion->size);
}

static void
receive_portion(int fd, struct portion *portion)
{
	size_t got = 0;

	while (got < portion->size) {
		ssize_t n = recv(
		    fd, portion->bytes + got, portion->size - got, MSG_WAITALL);

		if (n == 0)
			errno = 0;
		if (n == 0 || (n < 0 && errno != EINTR))
			die("receiving");
		got += n > 0 ? (size_t)n : 0;
	}
	fprintf(stderr, "received %zu bytes\n", got);
}

int
main(int argc, char *argv[])
{
	const struct addrinfo *place = place_from(argc, argv, "echo_client");
	int fd = socket(place->ai_family, place->ai_socktype, 0);
	struct portion portion;
	char name[PLACE_SIZE];
	bool line_begins = true;

	place_name(place->ai_addr, name);
	if (fd < 0 || connect(fd, place->ai_addr, place->ai_addrlen) < 0) {
		char what[PLACE_SIZE + 20];

		snprintf(what, sizeof(what), "connecting to %s", name);
		die(what);
	}
	fprintf(stderr, "connected to %s\n", name);
	setvbuf(stdout, NULL, _IONBF, 0);
	for (;;) {
		if (line_begins && isatty(STDIN_FILENO))
			fputs("say something: ", stderr);
		if (!next_portion(&portion) ||
		    (line_begins && is_goodbye(&portion)))
			break;
		send_portion(fd, &portion);
		receive_portion(fd, &portion);
		fwrite(portion.bytes, 1, portion.size, stdout);
		line_begins = portion.bytes[portion.size - 1] == '\n';
	}
	if (ferror(stdin) || ferror(stdout))
		die("reading or printing");
	shutdown(fd, SHUT_RDWR);
	close(fd);
	fprintf(stderr, "disconnected\n");
	return EXIT_SUCCESS;
}
