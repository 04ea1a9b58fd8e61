#define _POSIX_C_SOURCE 200809L

#include "clients.h"

#include "net.h"

#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	RETRY_MS = 100, /* between tries to accept when resources are short */
};

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

/*
 * All clients. Nothing that may block is done while the lock is held, and no
 * other lock is taken.
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t empty;     /* there is no first client any more */
	struct client *first;     /* (L) list of those that are served */
	struct client *last_left; /* (L) its thread is still to be joined */
} clients = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .empty = PTHREAD_COND_INITIALIZER,
};

static int listener_fd;       /* (S) the socket that listens */
static void (*serve)(int fd); /* (S) what a client's thread is to do */
static sigset_t stop_signals; /* (S) SIGINT and SIGTERM */

/* Set by the signal handler and read by main, in the same thread. */
static volatile sig_atomic_t stopping;

/*
 * Gives back what a client has used, as the last work of its thread. Each
 * thread that ends joins the one that ended before it: see lab 02.
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

	/* Not before: a socket in the list may be shut down by main. */
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
	serve(client->fd);
	printf("client %s disconnected\n", client->name);
	client_leave(client);
	return NULL;
}

/* Returns a struct for the client that was accepted as fd, or NULL. */
static struct client *
client_new(int fd, const struct net_address *address)
{
	struct client *client = malloc(sizeof(*client));
	int on = 1;

	if (client != NULL) {
		client->fd = fd;
		net_format(address, client->name);
		/*
		 * Or a short line may wait until the last one is confirmed. If
		 * it fails, lines come later: no reason to turn anybody away.
		 */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	return client;
}

/*
 * Starts the client's thread and puts the client on the list. Client, socket
 * and memory are the thread's from then on. Returns 0, or pthread_create's
 * error; then all is as it was before.
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

/* Turns away the client on fd, which could not be served because of error. */
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
 * or -1 when the server is to stop. Clients for whom there is no descriptor
 * wait in the kernel's queue; that is said once for each shortage.
 */
static int
client_accept(struct net_address *address)
{
	static bool said_so; /* and since then somebody has waited */
	struct pollfd queue = {.fd = listener_fd, .events = POLLIN};

	while (!stopping) {
		int waiting = poll(&queue, 1, said_so ? 0 : -1);
		int fd;

		if (waiting == 0)
			said_so = false;
		if (waiting <= 0)
			continue;
		address->size = sizeof(address->v6);
		fd = accept(listener_fd, &address->any, &address->size);
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
 * Handles SIGINT and SIGTERM; wakes main, also if it is not yet asleep. (That
 * a listening socket can be shut down holds for Linux; elsewhere a pipe beside
 * it in poll(2) does it: see labs 01 and 06.)
 */
static void
on_stop(int signal_number)
{
	int error = errno; /* belongs to the code that we interrupt */

	(void)signal_number;
	stopping = 1;
	shutdown(listener_fd, SHUT_RDWR);
	errno = error;
}

void
clients_hold_signals(void)
{
	sigemptyset(&stop_signals);
	sigaddset(&stop_signals, SIGINT);
	sigaddset(&stop_signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
}

void
clients_accept(int listener, void (*talk)(int fd))
{
	struct sigaction action = {.sa_handler = on_stop};
	struct net_address address;
	int fd;

	listener_fd = listener;
	serve = talk;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	pthread_sigmask(SIG_UNBLOCK, &stop_signals, NULL);
	while ((fd = client_accept(&address)) >= 0) {
		struct client *client = client_new(fd, &address);
		int error = client != NULL ? client_start(client) : ENOMEM;

		if (error != 0)
			client_refuse(fd, client, error);
	}
}

void
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
