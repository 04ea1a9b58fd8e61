/*
 * echo_server - one client at a time, with sockets that never block
 *
 *	echo_server [-a ADDRESS] [-p PORT]
 *
 * One loop waits in poll for whatever can happen next: a signal's byte in a
 * pipe, somebody at the door, bytes from the client, room for bytes to it. Of
 * a client's bytes only the sums are said, when it has gone.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTION = 1024, NAME_SIZE = 80, LINE_SIZE = 160, RETRY_MS = 150 };

/* The client, if there is one: fd is -1 where there is none. */
struct guest {
	int fd;
	char name[NAME_SIZE];
	char bytes[PORTION]; /* bytes[begin] to bytes[end - 1] are to be sent */
	size_t begin, end;
	unsigned long long received, sent;
};

static const char *const usage = "echo_server [-a ADDRESS] [-p PORT]";
static int alarm_bell[2]; /* a pipe: the handler writes, main polls */

/* Writes a line to fd at once, without stdio. */
static void
say(int fd, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;
	size_t length, done = 0;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	length = strlen(line);
	line[length++] = '\n';
	while (done < length) {
		ssize_t n = write(fd, line + done, length - done);

		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			return;
	}
}

static void
ring(int number)
{
	int saved = errno;

	(void)number;
	(void)!write(alarm_bell[1], "!", 1);
	errno = saved;
}

/* "ADDRESS:PORT", with brackets where the address has colons itself. */
static void
name_address(const struct sockaddr_storage *address, socklen_t size, char *name)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo((const struct sockaddr *)address, size, host,
		sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		strcpy(host, strcpy(port, "?"));
	snprintf(name, NAME_SIZE,
	    strchr(host, ':') ? "[%.45s]:%.5s" : "%.45s:%.5s", host, port);
}

/* The door: a socket that listens, or the end of the program. */
static int
open_door(const struct addrinfo *where, const char *host, const char *port)
{
	int fd = socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int yes = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
	    bind(fd, where->ai_addr, where->ai_addrlen) != 0 ||
	    listen(fd, 2) != 0) {
		say(2, "echo_server: no place at %s, port %s: %s", host, port,
		    strerror(errno));
		exit(1);
	}
	return fd;
}

static void
welcome(struct guest *guest, int fd, const struct sockaddr_storage *from,
    socklen_t size)
{
	memset(guest, 0, sizeof(*guest));
	guest->fd = fd;
	name_address(from, size, guest->name);
	say(1, "client %s connected", guest->name);
}

static void
farewell(struct guest *guest)
{
	close(guest->fd);
	guest->fd = -1;
	if (guest->received > 0)
		say(1, "received %llu bytes from %s", guest->received,
		    guest->name);
	if (guest->sent > 0)
		say(1, "sent %llu bytes to %s", guest->sent, guest->name);
	say(1, "client %s disconnected", guest->name);
}

/* Moves what can be moved now; false: the client has gone. */
static bool
attend(struct guest *guest)
{
	ssize_t n;

	if (guest->begin < guest->end) {
		n = send(guest->fd, guest->bytes + guest->begin,
		    guest->end - guest->begin, MSG_NOSIGNAL);
		if (n > 0) {
			guest->begin += (size_t)n;
			guest->sent += (size_t)n;
		}
	} else {
		n = recv(guest->fd, guest->bytes, sizeof(guest->bytes), 0);
		if (n == 0)
			return false;
		guest->begin = 0;
		guest->end = n > 0 ? (size_t)n : 0;
		guest->received += guest->end;
	}
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/*
 * Lets the next client in. Returns for how many milliseconds the door is
 * better left alone: 0 unless descriptors or memory are short.
 */
static int
answer_door(int door, struct guest *guest, bool complained)
{
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	int fd = accept4(door, (struct sockaddr *)&from, &size,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		welcome(guest, fd, &from, size);
		return 0;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS &&
	    errno != ENOMEM)
		return 0; /* whoever it was has gone again */
	if (!complained)
		say(2, "echo_server: nobody else can come in: %s",
		    strerror(errno));
	return RETRY_MS;
}

static void
keep_house(int door)
{
	static struct guest guest = {.fd = -1};
	int pause_ms = 0;

	for (;;) {
		bool busy = guest.fd >= 0;
		short want = guest.begin < guest.end ? POLLOUT : POLLIN;
		struct pollfd seen[] = {
		    {.fd = alarm_bell[0], .events = POLLIN},
		    {.fd = busy || pause_ms ? -1 : door, .events = POLLIN},
		    {.fd = guest.fd, .events = busy ? want : 0},
		};
		int count = poll(seen, 3, pause_ms ? pause_ms : -1);

		if (count < 0)
			continue; /* EINTR: the byte is in the pipe */
		if (seen[0].revents)
			break;
		if (busy && seen[2].revents && !attend(&guest))
			farewell(&guest);
		else if (!busy && (seen[1].revents || pause_ms))
			pause_ms = answer_door(door, &guest, pause_ms > 0);
	}
	if (guest.fd >= 0)
		farewell(&guest);
}

static void
refuse(const char *what, const char *which)
{
	say(2, "echo_server: %s: '%s'\nusage: %s", what, which, usage);
	exit(2);
}

static void
check_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || text[digits] || strtoul(text, NULL, 10) > 65535)
		refuse("a port is a number up to 65535", text);
}

int
main(int argc, char **argv)
{
	const char *host = "127.0.0.1", *port = "9090";
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct sigaction ringing = {.sa_handler = ring, .sa_flags = SA_RESTART};
	struct addrinfo *where;
	struct sockaddr_storage here;
	socklen_t size = sizeof(here);
	char name[NAME_SIZE];
	int option, door;

	while ((option = getopt(argc, argv, "ha:p:")) >= 0) {
		if (option == 'h') {
			say(1, "usage: %s", usage);
			return 0;
		}
		if (option == '?')
			refuse("unknown option, or one without its value",
			    argv[optind - 1]);
		*(option == 'a' ? &host : &port) = optarg;
	}
	if (argv[optind])
		refuse("one word too many", argv[optind]);
	check_port(port);
	if (getaddrinfo(host, port, &hints, &where) != 0)
		refuse("that is no address", host);

	if (pipe2(alarm_bell, O_NONBLOCK | O_CLOEXEC) != 0) {
		say(2, "echo_server: pipe: %s", strerror(errno));
		return 1;
	}
	sigaction(SIGINT, &ringing, NULL);
	sigaction(SIGTERM, &ringing, NULL);
	say(1, "server started");
	door = open_door(where, host, port);
	freeaddrinfo(where);
	getsockname(door, (struct sockaddr *)&here, &size);
	name_address(&here, size, name);
	say(1, "listening on %s", name);
	keep_house(door);
	close(door);
	say(1, "server stopped");
	return 0;
}
