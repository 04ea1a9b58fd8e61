/*
 * echo_server - a thread for each client, which waits in poll
 *
 *	echo_server [-a ADDRESS] [-p PORT] [-v]
 *
 * All sockets are non-blocking. Each thread polls its client together with a
 * pipe; a byte in that pipe, which nobody ever reads, tells all threads and
 * main to stop. So nobody needs a list of sockets to shut down. What belongs
 * to a client hangs at a key of its thread and is given back by the key's
 * destructor. Main joins threads that are done before it accepts anew, and a
 * moment after.
 */

#define _DEFAULT_SOURCE

#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE    8192u /* of a client's ring of bytes, a power of two */
#define TIDY_MS 150

struct client {
	int fd;
	char name[NET_NAME_SIZE];
	unsigned first, end; /* ring[first % SIZE] to ring[(end - 1) % SIZE] */
	char ring[SIZE];
	atomic_bool done; /* the thread has given back all but this */
	pthread_t thread;
	struct client *next; /* main's */
};

static bool verbose;
static int stop_pipe[2];
static pthread_key_t client_key;
static pthread_once_t key_made = PTHREAD_ONCE_INIT;

static void
complain(const char *what, int error)
{
	fprintf(stderr, "echo_server: %s: %s\n", what, strerror(error));
}

/* -- a client's thread --------------------------------------------------- */

/* Runs as the last thing in each client's thread. */
static void
client_end(void *pointer)
{
	struct client *client = pointer;

	close(client->fd);
	printf("client %s disconnected\n", client->name);
	atomic_store_explicit(&client->done, true, memory_order_release);
}

static void
make_key(void)
{
	if (pthread_key_create(&client_key, client_end) != 0)
		abort();
}

static bool
later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Reads what there is and room for. Returns -1 when the client has left,
 * 0 when it sends nothing more, else 1. */
static int
fill(struct client *client)
{
	unsigned start = client->end % SIZE;
	unsigned room = SIZE - (client->end - client->first);
	ssize_t n;

	if (room > SIZE - start)
		room = SIZE - start;
	n = read(client->fd, client->ring + start, room);
	if (n < 0)
		return later() ? 1 : -1;
	if (n > 0 && verbose)
		printf("received %zd bytes from %s\n", n, client->name);
	client->end += (unsigned)n;
	return n > 0;
}

/* Sends what goes. Returns -1 when the client has left. */
static int
drain(struct client *client)
{
	unsigned start = client->first % SIZE;
	unsigned size = client->end - client->first;
	ssize_t n;

	if (size > SIZE - start)
		size = SIZE - start;
	n = send(client->fd, client->ring + start, size, MSG_NOSIGNAL);
	if (n < 0)
		return later() ? 0 : -1;
	if (verbose)
		printf("sent %zd bytes to %s\n", n, client->name);
	client->first += (unsigned)n;
	return 0;
}

static void *
client_run(void *pointer)
{
	struct client *client = pointer;
	struct pollfd wait[2] = {{client->fd, 0, 0}, {stop_pipe[0], POLLIN, 0}};
	bool more = true;

	pthread_once(&key_made, make_key);
	if (pthread_setspecific(client_key, client) != 0)
		abort();
	printf("client %s connected\n", client->name);
	while (more || client->first != client->end) {
		bool full = client->end - client->first == SIZE;
		bool empty = client->end == client->first;

		wait[0].events = (short)((more && !full ? POLLIN : 0) |
		    (empty ? 0 : POLLOUT));
		if (poll(wait, 2, -1) < 0)
			continue;
		if (wait[1].revents)
			break;
		if (wait[0].revents & POLLOUT && drain(client) < 0)
			break;
		if (wait[0].revents & POLLIN) {
			int got = fill(client);

			if (got < 0)
				break;
			more = got > 0;
		} else if (wait[0].revents & (POLLERR | POLLHUP)) {
			break;
		}
	}
	return NULL;
}

/* -- main ---------------------------------------------------------------- */

/* Joins those of a list who are done, or all; returns who is left. */
static struct client *
tidy(struct client *list, bool all)
{
	struct client **link = &list;

	while (*link != NULL) {
		struct client *client = *link;

		if (all ||
		    atomic_load_explicit(&client->done, memory_order_acquire)) {
			pthread_join(client->thread, NULL);
			*link = client->next;
			free(client);
		} else {
			link = &client->next;
		}
	}
	return list;
}

/* Starts a client's thread. Returns the new head of the list. */
static struct client *
begin(int fd, const struct net_address *address, struct client *list)
{
	struct client *client = calloc(1, sizeof(*client));
	int error = client == NULL ? ENOMEM : 0;

	if (client != NULL) {
		client->fd = fd;
		client->next = list;
		atomic_init(&client->done, false);
		net_format(address, client->name);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		error =
		    pthread_create(&client->thread, NULL, client_run, client);
	}
	if (error == 0)
		return client;
	complain("client refused", error);
	close(fd);
	free(client);
	return list;
}

/* What the listening socket does next. */
enum state { OPEN, SHORT, CALM };

/* Accepts a client if one is there; was: the state until now. */
static enum state
let_in(int listener, struct client **list, enum state was)
{
	struct net_address address = {.size = sizeof(address.v6)};
	int fd = accept(listener, &address.any, &address.size);

	if (fd >= 0) {
		*list = begin(fd, &address, *list);
		return was == OPEN ? OPEN : CALM;
	}
	if (errno == EAGAIN)
		return OPEN;
	if (errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
	    errno != ENOBUFS)
		return was;
	if (was == OPEN)
		complain("no client can be accepted", errno);
	return SHORT;
}

static struct client *
run(int listener)
{
	struct pollfd wait[2] = {
	    {stop_pipe[0], POLLIN, 0}, {listener, POLLIN, 0}};
	struct client *list = NULL;
	enum state state = OPEN;

	for (;;) {
		bool idle = list == NULL && state == OPEN;
		nfds_t count = state == SHORT ? 1 : 2;
		int ready;

		wait[1].revents = 0;
		ready = poll(wait, count, idle ? -1 : TIDY_MS);
		list = tidy(list, false);
		if (ready > 0 && wait[0].revents)
			return list;
		if (state != OPEN || (ready > 0 && wait[1].revents))
			state = let_in(listener, &list, state);
	}
}

static void
on_stop(int number)
{
	int saved = errno;

	(void)number;
	(void)!write(stop_pipe[1], "", 1);
	errno = saved;
}

static int
wrong(const char *what)
{
	fprintf(stderr,
	    "echo_server: %s\nusage: echo_server [-a ADDRESS] [-p PORT] [-v]\n",
	    what);
	return 2;
}

int
main(int argc, char *argv[])
{
	struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
	struct net_address address;
	struct client *left;
	const char *host = "127.0.0.1";
	char name[NET_NAME_SIZE], text[NET_NAME_SIZE + 16], tail;
	int port = 9090, listener, option;

	while ((option = getopt(argc, argv, ":ha:p:v")) != -1) {
		switch (option) {
		case 'h':
			return printf("echo_server [-a ADDRESS] [-p PORT] "
				      "[-v]\n") < 0;
		case 'a':
			host = optarg;
			break;
		case 'p':
			if (strspn(optarg, "0123456789") == 0 ||
			    strlen(optarg) > 5 ||
			    sscanf(optarg, "%d%c", &port, &tail) != 1 ||
			    port > 65535)
				return wrong("bad port");
			break;
		case 'v':
			verbose = true;
			break;
		default:
			return wrong("bad option");
		}
	}
	if (optind != argc)
		return wrong("too many words");
	if (net_parse(host, port, &address) != 0)
		return wrong("bad address");

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (pipe(stop_pipe) != 0) {
		complain("pipe", errno);
		return 1;
	}
	fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);

	net_format(&address, name);
	listener = net_listen(&address);
	if (listener < 0) {
		snprintf(text, sizeof(text), "listen on %s", name);
		complain(text, errno);
		return 1;
	}
	fcntl(listener, F_SETFL, O_NONBLOCK);
	net_format(&address, name);
	printf("server started\nlistening on %s\n", name);
	left = run(listener);
	close(listener);
	tidy(left, true);
	printf("server stopped\n");
	return 0;
}
