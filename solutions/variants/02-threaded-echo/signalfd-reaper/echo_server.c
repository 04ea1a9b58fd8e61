/*
 * echo_server - a thread for each client, joined by main when it is done
 *
 *	echo_server [-a ADDRESS] [-p PORT] [-v]
 *
 * Main owns every descriptor and every thread. It waits in epoll_wait for the
 * listening socket, for a signalfd, and for an eventfd by which threads tell
 * that they are on the list of the dead; then it joins them and closes their
 * sockets. Where descriptors are short the listening socket is taken out of
 * the epoll set until somebody is dead.
 */

#define _GNU_SOURCE

#include "net.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { PORTION = 64 * 1024 };

struct client {
	int fd;
	char name[NET_NAME_SIZE];
	char *portion;            /* the thread's alone */
	pthread_t thread;         /* main's alone */
	LIST_ENTRY(client) all;   /* main's alone */
	SLIST_ENTRY(client) gone; /* dead_lock */
};

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);

static pthread_mutex_t dead_lock = PTHREAD_MUTEX_INITIALIZER;
static SLIST_HEAD(, client) dead = SLIST_HEAD_INITIALIZER(dead);

static int verbose;
static int listener, signals, deaths, events;

/* -- a client's thread --------------------------------------------------- */

static int
send_back(const struct client *client, size_t size)
{
	struct iovec rest = {client->portion, size};
	struct msghdr message = {.msg_iov = &rest, .msg_iovlen = 1};

	while (rest.iov_len > 0) {
		ssize_t n = sendmsg(client->fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		rest.iov_base = (char *)rest.iov_base + n;
		rest.iov_len -= (size_t)n;
	}
	return 0;
}

static void *
client_thread(void *pointer)
{
	struct client *client = pointer;
	uint64_t one = 1;
	ssize_t n;

	dprintf(STDOUT_FILENO, "client %s connected\n", client->name);
	do {
		do
			n = recv(client->fd, client->portion, PORTION, 0);
		while (n < 0 && errno == EINTR);
		if (n > 0 && verbose)
			dprintf(STDOUT_FILENO, "received %zd bytes from %s\n",
			    n, client->name);
		if (n > 0 && send_back(client, (size_t)n) < 0)
			break;
		if (n > 0 && verbose)
			dprintf(STDOUT_FILENO, "sent %zd bytes to %s\n", n,
			    client->name);
	} while (n > 0);
	/* Said before main can close: the number of the port is still ours. */
	dprintf(STDOUT_FILENO, "client %s disconnected\n", client->name);

	pthread_mutex_lock(&dead_lock);
	SLIST_INSERT_HEAD(&dead, client, gone);
	pthread_mutex_unlock(&dead_lock);
	while (write(deaths, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
	pthread_exit(
	    NULL); /* also where no descriptor is left: main has ours */
}

/* -- main ---------------------------------------------------------------- */

static void
watch(int fd, int operation)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(events, operation, fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void
client_free(struct client *client)
{
	close(client->fd);
	free(client->portion);
	free(client);
}

/* Joins all who are dead and gives back what was theirs. */
static void
bury(void)
{
	struct client *client;
	uint64_t count;

	while (read(deaths, &count, sizeof(count)) < 0 && errno == EINTR)
		continue;
	for (;;) {
		pthread_mutex_lock(&dead_lock);
		client = SLIST_FIRST(&dead);
		if (client != NULL)
			SLIST_REMOVE_HEAD(&dead, gone);
		pthread_mutex_unlock(&dead_lock);
		if (client == NULL)
			return;
		pthread_join(client->thread, NULL);
		LIST_REMOVE(client, all);
		client_free(client);
	}
}

static void
welcome(int fd, const struct net_address *address)
{
	struct client *client = calloc(1, sizeof(*client));
	int error = ENOMEM;

	if (client != NULL && (client->portion = malloc(PORTION)) != NULL) {
		client->fd = fd;
		net_format(address, client->name);
		error = pthread_create(
		    &client->thread, NULL, client_thread, client);
		if (error == 0) {
			LIST_INSERT_HEAD(&clients, client, all);
			return;
		}
		free(client->portion);
	}
	free(client);
	close(fd);
	errno = error;
	warn("cannot serve one more client");
}

/* Accepts one client. Returns 0, or -1 where descriptors are short. */
static int
accept_one(void)
{
	struct net_address address = {.size = sizeof(address.v6)};
	int fd = accept4(listener, &address.any, &address.size, SOCK_CLOEXEC);

	if (fd >= 0)
		welcome(fd, &address);
	else if (errno == EMFILE || errno == ENFILE)
		return -1;
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		warn("accept");
	return 0;
}

/* How many wait in the accept queue, 0 or 1. */
static int
somebody_waits(void)
{
	fd_set set;
	struct timeval now = {0, 0};

	FD_ZERO(&set);
	FD_SET(listener, &set); /* opened early: a small number */
	return select(listener + 1, &set, NULL, NULL, &now) > 0;
}

static void
loop(void)
{
	int open = 1, short_of = 0;

	for (;;) {
		struct epoll_event event;
		int n = epoll_wait(events, &event, 1, -1);

		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		if (n <= 0)
			continue;
		if (event.data.fd == signals)
			return;
		if (event.data.fd == deaths) {
			bury();
			if (!open)
				watch(listener, EPOLL_CTL_ADD);
			open = 1;
		} else if (accept_one() < 0) {
			if (!short_of)
				warn("accept");
			short_of = 1;
			watch(listener, EPOLL_CTL_DEL);
			open = 0;
		}
		if (open && short_of && !somebody_waits())
			short_of = 0;
	}
}

static void
end_all(void)
{
	struct client *client;

	LIST_FOREACH(client, &clients, all)
	shutdown(client->fd, SHUT_RDWR);
	while ((client = LIST_FIRST(&clients)) != NULL) {
		LIST_REMOVE(client, all);
		pthread_join(client->thread, NULL);
		client_free(client);
	}
}

static const char usage[] = "usage: echo_server [-a ADDRESS] [-p PORT] [-v]";

static void
options(int argc, char **argv, struct net_address *address)
{
	const char *host = "127.0.0.1";
	uintmax_t port = 9090;
	char *end;

	for (int option; (option = getopt(argc, argv, "a:p:vh")) != -1;)
		switch (option) {
		case 'a':
			host = optarg;
			break;
		case 'p':
			errno = 0;
			port = strtoumax(optarg, &end, 10);
			if (end == optarg || *end || errno || port > 65535 ||
			    strpbrk(optarg, "+- \t"))
				errx(2, "no port: '%s'\n%s", optarg, usage);
			break;
		case 'v':
			verbose = 1;
			break;
		case 'h':
			puts(usage);
			exit(0);
		default:
			errx(2, "%s", usage);
		}
	if (argv[optind])
		errx(2, "what is '%s'?\n%s", argv[optind], usage);
	if (net_parse(host, (int)port, address) < 0)
		errx(2, "no address: '%s'\n%s", host, usage);
}

int
main(int argc, char **argv)
{
	struct net_address address;
	char name[NET_NAME_SIZE];
	sigset_t stop;

	options(argc, argv, &address);
	dprintf(STDOUT_FILENO, "server started\n");

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL); /* inherited by all */
	signals = signalfd(-1, &stop, SFD_CLOEXEC);
	deaths = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	events = epoll_create1(EPOLL_CLOEXEC);
	if (signals < 0 || deaths < 0 || events < 0)
		err(1, "set up");

	net_format(&address, name);
	listener = net_listen(&address);
	if (listener < 0)
		err(1, "%s", name);
	net_format(&address, name);
	dprintf(STDOUT_FILENO, "listening on %s\n", name);

	watch(signals, EPOLL_CTL_ADD);
	watch(deaths, EPOLL_CTL_ADD);
	watch(listener, EPOLL_CTL_ADD);
	loop();
	close(listener);
	end_all();
	dprintf(STDOUT_FILENO, "server stopped\n");
	return 0;
}
