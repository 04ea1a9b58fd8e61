/*
 * echo_server - a thread for each client, detached and counted
 *
 *	echo_server [-a ADDRESS] [-p PORT] [-v]
 *
 * Main waits for clients and, through a pipe, for what others tell it: a
 * signal, or the end of a client where descriptors are short. Threads are
 * detached; a count and a condition say when the last one is done. A thread
 * puts itself on the list of those to wake at the end; its entry lies on its
 * own stack. Nothing of labs/common is used.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTION = 4096, NAME_SIZE = 64, LINE_SIZE = 160 };

/* A client's place in the ring of all clients; guarded by `lock`. */
struct client {
	struct client *next, *previous;
	int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_gone = PTHREAD_COND_INITIALIZER;
static struct client ring = {&ring, &ring, -1}; /* guarded by lock */
static int threads;                             /* guarded by lock */
static bool stopping;                           /* guarded by lock */

static bool verbose; /* set before the first thread */
static int news[2];  /* pipe to main: 's' stop, 'l' somebody left */
static atomic_bool short_of_descriptors;

/* Writes a line to fd in one call, so that it stays whole. */
static void
say(int fd, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;
	int length, sent = 0;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if (length > (int)sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	while (sent < length) {
		ssize_t n = write(fd, line + sent, (size_t)(length - sent));

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0)
			sent += (int)n;
	}
}

static void
complain(const char *what, int error)
{
	char reason[80];

	if (strerror_r(error, reason, sizeof(reason)) != 0)
		snprintf(reason, sizeof(reason), "error %d", error);
	say(STDERR_FILENO, "echo_server: %s: %s", what, reason);
}

/*
 * Writes an address as ADDR:PORT, an IPv4 one without the ::ffff: that it has
 * in a socket of IPv6. Returns false where that is impossible.
 */
static bool
name_of(const struct sockaddr_storage *address, socklen_t size,
    char name[NAME_SIZE])
{
	char host[46], port[8];

	if (getnameinfo((const struct sockaddr *)address, size, host,
		sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	if (strchr(host, '.') != NULL)
		snprintf(name, NAME_SIZE, "%s:%s",
		    strncmp(host, "::ffff:", 7) == 0 ? host + 7 : host, port);
	else
		snprintf(name, NAME_SIZE, "[%s]:%s", host, port);
	return true;
}

/* -- the client's thread ------------------------------------------------- */

static bool
write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		data += n;
		size -= (size_t)n;
	}
	return true;
}

static void
serve(int fd, const char *name)
{
	char portion[PORTION];
	ssize_t n;

	while ((n = read(fd, portion, sizeof(portion))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (verbose)
			say(STDOUT_FILENO, "received %zd bytes from %s", n,
			    name);
		if (!write_all(fd, portion, (size_t)n))
			return;
		if (verbose)
			say(STDOUT_FILENO, "sent %zd bytes to %s", n, name);
	}
}

/* Puts a client into the ring, unless it is too late for that. */
static bool
enter(struct client *client)
{
	bool welcome;

	pthread_mutex_lock(&lock);
	welcome = !stopping;
	client->previous = ring.previous;
	client->next = &ring;
	client->previous->next = client->next->previous = client;
	pthread_mutex_unlock(&lock);
	return welcome;
}

/* Takes it out again, closes its socket, and counts the thread as gone. */
static void
leave(struct client *client)
{
	pthread_mutex_lock(&lock);
	client->next->previous = client->previous;
	client->previous->next = client->next;
	pthread_mutex_unlock(&lock);
	close(client->fd);
	if (atomic_load(&short_of_descriptors)) {
		while (write(news[1], "l", 1) < 0 && errno == EINTR)
			continue;
	}
	pthread_mutex_lock(&lock);
	if (--threads == 0)
		pthread_cond_broadcast(&all_gone);
	pthread_mutex_unlock(&lock);
}

/* argument: the descriptor, as a number in the pointer itself. */
static void *
run(void *argument)
{
	struct client client = {.fd = (int)(intptr_t)argument};
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	char name[NAME_SIZE];
	bool known, welcome = enter(&client);

	known = getpeername(client.fd, (struct sockaddr *)&peer, &size) == 0 &&
	    name_of(&peer, size, name);
	/* One that is gone already has no name, and nothing to be said. */
	if (known) {
		say(STDOUT_FILENO, "client %s connected", name);
		if (welcome)
			serve(client.fd, name);
		say(STDOUT_FILENO, "client %s disconnected", name);
	}
	leave(&client);
	return NULL;
}

/* -- main's thread ------------------------------------------------------- */

static void
on_signal(int number)
{
	int saved = errno;

	(void)number;
	/* A full pipe holds enough news already. */
	(void)!write(news[1], "s", 1);
	errno = saved;
}

/* Reads what is in the pipe. Returns whether main is to stop. */
static bool
told_to_stop(void)
{
	char words[64];
	ssize_t n;
	bool stop = false;

	while ((n = read(news[0], words, sizeof(words))) > 0)
		stop = stop || memchr(words, 's', (size_t)n) != NULL;
	return stop;
}

static void
start(int fd)
{
	pthread_attr_t detached;
	pthread_t thread;
	sigset_t all, before;
	int error;

	pthread_mutex_lock(&lock);
	threads++;
	pthread_mutex_unlock(&lock);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &detached, run, (void *)(intptr_t)fd);
	pthread_attr_destroy(&detached);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		return;

	complain("no thread for a client", error);
	close(fd);
	pthread_mutex_lock(&lock);
	threads--;
	pthread_mutex_unlock(&lock);
}

/*
 * Accepts all who wait. Where descriptors are short it tries once more after
 * the flag is set, so that no leaving is missed, and then waits for the news
 * that somebody left. Returns whether it is worth waiting for the listener.
 */
static bool
accept_all(int listener)
{
	static bool said;

	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0) {
			fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
			start(fd);
			continue;
		}
		switch (errno) {
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			if (!said)
				complain("accept", errno);
			said = true;
			if (atomic_exchange(&short_of_descriptors, true))
				return false;
			break;
		case EAGAIN:
			said = false;
			atomic_store(&short_of_descriptors, false);
			return true;
		default: /* EINTR, ECONNABORTED, and the network's errors */
			break;
		}
	}
}

static void
accept_until_stopped(int listener)
{
	struct pollfd wait[2] = {
	    {.fd = news[0], .events = POLLIN},
	    {.fd = listener, .events = POLLIN},
	};
	bool open = true;

	for (;;) {
		/* The second is for ENFILE: others may give back as well. */
		if (poll(wait, open ? 2 : 1, open ? -1 : 300) < 0)
			continue;
		if (told_to_stop())
			return;
		if (!open || wait[1].revents)
			open = accept_all(listener);
	}
}

static void
stop_all(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	for (struct client *c = ring.next; c != &ring; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	while (threads > 0)
		pthread_cond_wait(&all_gone, &lock);
	pthread_mutex_unlock(&lock);
}

static int
usage(FILE *where, int status)
{
	fprintf(where, "usage: echo_server [-a ADDRESS] [-p PORT] [-v]\n");
	return status;
}

/* Returns a listening socket, or -1 after it has said why not. */
static int
listen_on(const struct addrinfo *info)
{
	struct sockaddr_storage address;
	socklen_t size = info->ai_addrlen;
	char name[NAME_SIZE] = "?";
	char what[NAME_SIZE + 16];
	int yes = 1;
	int fd = socket(info->ai_family, SOCK_STREAM, IPPROTO_TCP);

	memcpy(&address, info->ai_addr, info->ai_addrlen);
	name_of(&address, size, name);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
	    bind(fd, (struct sockaddr *)&address, size) != 0 ||
	    listen(fd, 5) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		snprintf(what, sizeof(what), "listen on %s", name);
		complain(what, errno);
		return -1;
	}
	size = sizeof(address);
	getsockname(fd, (struct sockaddr *)&address, &size);
	name_of(&address, size, name);
	say(STDOUT_FILENO, "listening on %s", name);
	return fd;
}

static bool
is_port(const char *text)
{
	size_t length = strspn(text, "0123456789");

	return length > 0 && length <= 5 && text[length] == '\0' &&
	    atoi(text) <= 65535;
}

int
main(int argc, char *argv[])
{
	/* One kind of socket for all: IPv4 addresses come in IPv6's form. */
	const struct addrinfo hints = {
	    .ai_family = AF_INET6,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_V4MAPPED,
	    .ai_socktype = SOCK_STREAM,
	};
	struct sigaction action = {.sa_handler = on_signal};
	struct addrinfo *info;
	const char *host = "127.0.0.1", *port = "9090";
	int option, listener;

	while ((option = getopt(argc, argv, "a:p:vh")) != -1) {
		if (option == 'a')
			host = optarg;
		else if (option == 'p')
			port = optarg;
		else if (option == 'v')
			verbose = true;
		else
			return option == 'h' ? usage(stdout, 0)
					     : usage(stderr, 2);
	}
	if (optind != argc || !is_port(port) || *host == '\0' ||
	    getaddrinfo(host, port, &hints, &info) != 0) {
		fprintf(stderr,
		    "echo_server: wrong address, port or operand: "
		    "%s %s\n",
		    host, port);
		return usage(stderr, 2);
	}

	say(STDOUT_FILENO, "server started");
	if (pipe(news) != 0) {
		complain("pipe", errno);
		return 1;
	}
	fcntl(news[0], F_SETFL, O_NONBLOCK);
	fcntl(news[1], F_SETFL, O_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
	sigfillset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	listener = listen_on(info);
	freeaddrinfo(info);
	if (listener < 0)
		return 1;
	accept_until_stopped(listener);
	close(listener);
	stop_all();
	say(STDOUT_FILENO, "server stopped");
	return 0;
}
