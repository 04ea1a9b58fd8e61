/*
 * echo_server - returns what its clients send, each client in its own thread
 *
 *	echo_server [-a ADDRESS] [-p PORT] [-v]
 *
 * A variant whose main thread does not stay: it opens the socket, starts the
 * thread that accepts, detaches itself and ends. From then on the process has
 * no main thread. The accepting thread takes the signals and, after a stop,
 * waits for the clients' threads, of which each joins the one before it. The
 * process ends when this thread returns: it is the last one.
 *
 * Whatever was open when the program was started, but for the standard
 * streams, is closed first.
 */

#define _GNU_SOURCE /* closefrom */

#include "net.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	PORTION = 16384, /* bytes received at once, at most */
	RETRY_MS = 100,  /* between tries to accept when resources are short */
};

static const char usage[] = "usage: echo_server [-a ADDRESS] [-p PORT] [-v]\n";

/*
 * A client that is connected. Key to the fields here and below:
 *	(S) set before the thread starts, only read after that
 *	(L) clients.lock must be held, while clients leads to the client
 */
struct client {
	int fd;                   /* (S) its socket */
	char name[NET_NAME_SIZE]; /* (S) its address and port */
	pthread_t thread;         /* (L) the thread that serves it */
	struct client *next;      /* (L) in the list of clients */
};

/* All clients. Nothing that may block is done while the lock is held. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t empty;     /* there is no first client any more */
	struct client *first;     /* (L) list of those that are served */
	struct client *last_left; /* (L) its thread is still to be joined */
} clients = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .empty = PTHREAD_COND_INITIALIZER,
};

static bool verbose;          /* (S) option -v: say what is sent */
static int listener;          /* (S) the socket that listens */
static sigset_t stop_signals; /* (S) SIGINT and SIGTERM */

/* Set by the signal handler and read by accept_main, in the same thread. */
static volatile sig_atomic_t stopping;

/*
 * Sends back what a client sends, until it has ended its side of the
 * connection or is gone: a reset is a way to leave like any other.
 */
static void
echo(const struct client *client)
{
	char portion[PORTION];

	for (;;) {
		ssize_t n = recv(client->fd, portion, sizeof(portion), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		if (verbose)
			printf("received %zd bytes from %s\n", n, client->name);
		if (net_send_all(client->fd, portion, (size_t)n) < 0)
			return;
		if (verbose)
			printf("sent %zd bytes to %s\n", n, client->name);
	}
}

/*
 * Gives back what a client has used, as the last work of its thread: takes
 * the client off the list, closes its socket, and joins the thread that
 * ended before this one. The thread and the struct of this client are left
 * to the next one that ends, or to clients_stop.
 */
static void
client_leave(struct client *client)
{
	struct client **link = &clients.first;
	struct client *previous;

	pthread_mutex_lock(&clients.lock);
	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	previous = clients.last_left;
	clients.last_left = client;
	if (clients.first == NULL)
		pthread_cond_signal(&clients.empty);
	pthread_mutex_unlock(&clients.lock);

	/* Not before: clients_stop may shut down a socket in the list. */
	close(client->fd);
	if (previous != NULL) {
		pthread_join(previous->thread, NULL);
		free(previous);
	}
}

/* The life of a client's thread; argument is its struct client. */
static void *
client_main(void *argument)
{
	struct client *client = argument;

	printf("client %s connected\n", client->name);
	echo(client);
	printf("client %s disconnected\n", client->name);
	client_leave(client);
	return NULL;
}

/*
 * Returns a struct for the client that was accepted as fd from address: one
 * of its own for each client, since each has a thread that reads it at any
 * time. The caller frees it. Returns NULL if there is no memory.
 */
static struct client *
client_new(int fd, const struct net_address *address)
{
	struct client *client = malloc(sizeof(*client));

	if (client != NULL) {
		client->fd = fd;
		net_format(address, client->name);
	}
	return client;
}

/*
 * Starts the client's thread, client_main, and puts the client on the list.
 * Client, socket and memory are the thread's from then on. The stop signals
 * are blocked in it: they are the accepting thread's. Returns 0, or an error;
 * then all is as it was before.
 */
static int
client_start(struct client *client)
{
	int error;

	/* A thread inherits the signal mask of the one that creates it. */
	pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
	/* Under the lock, so that no thread leaves before it is listed. */
	pthread_mutex_lock(&clients.lock);
	error = pthread_create(&client->thread, NULL, client_main, client);
	if (error == 0) {
		client->next = clients.first;
		clients.first = client;
	}
	pthread_mutex_unlock(&clients.lock);
	pthread_sigmask(SIG_UNBLOCK, &stop_signals, NULL);
	return error;
}

/*
 * Turns away the client on fd, which could not be served because of error:
 * says so, closes its socket and frees its struct, which may be NULL.
 */
static void
client_refuse(int fd, struct client *client, int error)
{
	errno = error; /* where warn(3) looks for the reason */
	warn("serve a client");
	close(fd);
	free(client);
}

/*
 * Waits for a client, writes its address to *address and returns its socket,
 * or -1 when the server is to stop. Where accept(2) fails for want of
 * descriptors or memory, clients wait in the kernel's queue: that is said
 * once, until the queue is empty again, and tried again every RETRY_MS.
 */
static int
client_accept(struct net_address *address)
{
	static bool said_so; /* and since then somebody has waited */
	struct pollfd queue = {.fd = listener, .events = POLLIN};

	while (!stopping) {
		int waiting = poll(&queue, 1, said_so ? 0 : -1);
		int fd;

		if (waiting == 0)
			said_so = false;
		if (waiting <= 0)
			continue;
		address->size = sizeof(address->v6);
		fd = accept(listener, &address->any, &address->size);
		if (fd >= 0)
			return fd;
		if (stopping || errno == EINTR || errno == ECONNABORTED)
			continue;
		if (!said_so)
			warn("accept");
		said_so = true;
		poll(NULL, 0, RETRY_MS);
	}
	return -1;
}

/*
 * Handles SIGINT and SIGTERM. The listening socket is shut down because a
 * flag alone could be set after it was looked at and before poll(2) waits;
 * on Linux, poll(2) and accept(2) of a socket shut down don't wait.
 */
static void
on_stop(int signal_number)
{
	int error = errno; /* belongs to the code that we interrupt */

	(void)signal_number;
	stopping = 1;
	shutdown(listener, SHUT_RDWR);
	errno = error;
}

/* Fills in stop_signals and makes them call on_stop from here on. */
static void
catch_stop_signals(void)
{
	struct sigaction action = {.sa_handler = on_stop};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	sigemptyset(&stop_signals);
	sigaddset(&stop_signals, SIGINT);
	sigaddset(&stop_signals, SIGTERM);
}

/*
 * Ends all connections and waits until all threads have ended. A thread that
 * waits in recv(2) or send(2) returns when its socket is shut down. Closing
 * the socket would not wake it, and its number could be another client's by
 * the time it is used again.
 */
static void
clients_stop(void)
{
	pthread_mutex_lock(&clients.lock);
	for (struct client *c = clients.first; c != NULL; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	while (clients.first != NULL)
		pthread_cond_wait(&clients.empty, &clients.lock);
	pthread_mutex_unlock(&clients.lock);

	if (clients.last_left != NULL) {
		pthread_join(clients.last_left->thread, NULL);
		free(clients.last_left);
	}
}

/* Ends the program because its arguments are wrong. */
static _Noreturn void
exit_with_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

/* The port that text names, 0 to 65535, or -1 if it names none. */
static int
parse_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' || port > 65535)
		return -1;
	return (int)port;
}

/* Reads the command line into *address and verbose. */
static void
parse_arguments(int argc, char *argv[], struct net_address *address)
{
	const char *host = "127.0.0.1";
	const char *port = "9090";
	int option;

	while ((option = getopt(argc, argv, "a:p:vh")) != -1) {
		switch (option) {
		case 'a':
			host = optarg;
			break;
		case 'p':
			port = optarg;
			break;
		case 'v':
			verbose = true;
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
	if (net_parse(host, parse_port(port), address) < 0) {
		warnx("address '%s': neither IPv4 nor IPv6", host);
		exit_with_usage();
	}
}

/* The life of the accepting thread, which is the last one to end. */
static void *
accept_main(void *unused)
{
	struct net_address address;
	int fd;

	(void)unused;
	pthread_sigmask(SIG_UNBLOCK, &stop_signals, NULL);
	while ((fd = client_accept(&address)) >= 0) {
		struct client *client = client_new(fd, &address);
		int error = client != NULL ? client_start(client) : ENOMEM;

		if (error != 0)
			client_refuse(fd, client, error);
	}
	clients_stop();
	close(listener);
	printf("server stopped\n");
	return NULL;
}

int
main(int argc, char *argv[])
{
	struct net_address address;
	char name[NET_NAME_SIZE];
	pthread_t acceptor;

	closefrom(STDERR_FILENO + 1);
	parse_arguments(argc, argv, &address);

	/* Whole lines, as soon as they are printed, into a pipe too. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	/* If that pipe's reader is gone, printing fails: no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	printf("server started\n");

	net_format(&address, name);
	listener = net_listen(&address);
	if (listener < 0)
		err(1, "listen on %s", name);
	catch_stop_signals();
	net_format(&address, name);
	printf("listening on %s\n", name);

	/* A signal waits for the other thread, should this one end slowly. */
	pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
	errno = pthread_create(&acceptor, NULL, accept_main, NULL);
	if (errno != 0)
		err(1, "start the accepting thread");
	pthread_detach(acceptor);
	pthread_detach(pthread_self());
	pthread_exit(NULL);
}
