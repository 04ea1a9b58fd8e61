/*
 * echo_server - one client at a time, by pselect and labs/common
 *
 *	echo_server [-a ADDRESS] [-p PORT]
 *
 * SIGINT and SIGTERM are blocked but while pselect sleeps, so a handler that
 * sets a flag is enough: there is no moment between looking and sleeping.
 * Whatever else could wait is told not to (MSG_DONTWAIT).
 */

#define _POSIX_C_SOURCE 200809L

#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

enum wish { TO_READ, TO_WRITE };

static const char synopsis[] = "usage: echo_server [-a ADDRESS] [-p PORT]\n";
static volatile sig_atomic_t told_to_stop;
static sigset_t asleep; /* what is blocked while pselect sleeps */

static void
take_note(int number)
{
	told_to_stop = number;
}

/* One line on stdout, now. */
#define TELL(...) (printf(__VA_ARGS__), putchar('\n'), fflush(stdout))

/*
 * Sleeps until fd is ready, for at most the given time (NULL: for ever).
 * Returns 1 when it may be, 0 when the server is to stop.
 */
static int
sleep_until(enum wish wish, int fd, const struct timespec *most)
{
	fd_set set;

	FD_ZERO(&set);
	if (fd >= 0)
		FD_SET(fd, &set);
	if (!told_to_stop)
		pselect(fd + 1, wish == TO_READ ? &set : NULL,
		    wish == TO_WRITE ? &set : NULL, NULL, most, &asleep);
	return !told_to_stop;
}

/* Whether a call that failed is worth another try. */
static int
is_passing(int error)
{
	return error == EINTR || error == EAGAIN || error == EWOULDBLOCK;
}

/* Returns size when all has gone, else less: client gone, or a stop. */
static size_t
give_back(int fd, const char *bytes, size_t size)
{
	size_t given = 0;

	while (given < size && sleep_until(TO_WRITE, fd, NULL)) {
		ssize_t n = send(fd, bytes + given, size - given,
		    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			given += (size_t)n;
		else if (!is_passing(errno))
			break;
	}
	return given;
}

static void
serve(int fd, const struct net_address *from)
{
	char name[NET_NAME_SIZE], bytes[128];
	ssize_t got = 1;

	net_format(from, name);
	TELL("client %s connected", name);
	while (got != 0 && sleep_until(TO_READ, fd, NULL)) {
		size_t given;

		got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (got < 0 && !is_passing(errno))
			break;
		if (got <= 0)
			continue;
		TELL("received %zd bytes from %s", got, name);
		given = give_back(fd, bytes, (size_t)got);
		TELL("sent %zu bytes to %s", given, name);
		if (given < (size_t)got)
			break;
	}
	TELL("client %s disconnected", name);
	close(fd);
}

/* Clients, one after another, until told to stop. */
static void
serve_all(int door)
{
	const struct timespec moment = {.tv_nsec = 200 * 1000 * 1000};
	int shortage = 0;

	while (sleep_until(
	    TO_READ, shortage ? -1 : door, shortage ? &moment : NULL)) {
		struct net_address from = {.size = sizeof(from.v6)};
		int fd = accept(door, &from.any, &from.size);

		if (fd >= 0) {
			shortage = 0;
			serve(fd, &from);
		} else if (errno == EMFILE || errno == ENFILE ||
		    errno == ENOBUFS || errno == ENOMEM) {
			if (!shortage)
				perror("echo_server: taking a client in");
			shortage = 1;
		}
	}
}

static void
prepare_for_signals(void)
{
	struct sigaction noting = {.sa_handler = take_note};
	sigset_t stops;

	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigprocmask(SIG_BLOCK, &stops, &asleep);
	sigdelset(&asleep, SIGINT);
	sigdelset(&asleep, SIGTERM);
	sigaction(SIGINT, &noting, NULL);
	sigaction(SIGTERM, &noting, NULL);
}

static int
usage_error(const char *complaint, const char *about)
{
	fprintf(stderr, "echo_server: %s: %s\n%s", complaint, about, synopsis);
	return 2;
}

/* 0 to 65535, or -1. */
static int
to_port(const char *text)
{
	int port = *text ? 0 : -1;

	for (; *text && port >= 0; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		port = port * 10 + (*text - '0');
		port = port > 65535 ? -1 : port;
	}
	return port;
}

int
main(int argc, char *argv[])
{
	const char *where = "127.0.0.1", *port = "9090";
	struct net_address address;
	char name[NET_NAME_SIZE];
	int option, door;

	while ((option = getopt(argc, argv, ":hp:a:")) != -1) {
		char letter[] = {'-', (char)optopt, '\0'};

		if (option == 'h')
			return fputs(synopsis, stdout) == EOF;
		if (option == ':' || option == '?')
			return usage_error("what is this option", letter);
		*(option == 'p' ? &port : &where) = optarg;
	}
	if (optind < argc)
		return usage_error("no operands, please", argv[optind]);
	if (to_port(port) < 0)
		return usage_error("no such port", port);
	if (net_parse(where, to_port(port), &address) < 0)
		return usage_error("no such address", where);

	TELL("server started");
	prepare_for_signals();
	net_format(&address, name);
	door = net_listen(&address);
	if (door < 0) {
		fprintf(stderr, "echo_server: %s can't be listened on: %s\n",
		    name, strerror(errno));
		return 1;
	}
	fcntl(door, F_SETFL, O_NONBLOCK);
	net_format(&address, name);
	TELL("listening on %s", name);
	serve_all(door);
	close(door);
	TELL("server stopped");
	return EXIT_SUCCESS;
}
