/*
 * echo_server - a thread for each client, by C11's <threads.h>
 *
 *	echo_server [-a ADDRESS] [-p PORT] [-v]
 *
 * Main waits in pselect, the one place where signals are not blocked: they
 * can come while it sleeps, and at no other moment. Threads are detached;
 * roster.c knows who is there, service.c what they get.
 */

#define _POSIX_C_SOURCE 200809L

#include "net.h"
#include "roster.h"
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <threads.h>
#include <unistd.h>

#define USAGE "usage: echo_server [-a ADDRESS] [-p PORT] [-v]\n"

static volatile sig_atomic_t stop; /* written in pselect only */

static void
on_signal(int number)
{
	stop = number;
}

static void
error(const char *what, const char *why)
{
	fprintf(stderr, "echo_server: %s: %s\n", what, why);
}

/* Starts the thread of a client who was accepted. */
static void
receive_guest(int fd, const struct net_address *from)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	thrd_t thread;

	if (guest == NULL) {
		error("a client is turned away", strerror(errno));
		close(fd);
		return;
	}
	guest->fd = fd;
	net_format(from, guest->name);
	roster_enter(guest);
	if (thrd_create(&thread, service_run, guest) == thrd_success) {
		thrd_detach(thread);
	} else {
		error("a client is turned away", "no thread");
		roster_leave(guest);
	}
}

/* Returns 0 for a client or a passing fault, -1 where resources are short. */
static int
accept_guest(int listener)
{
	struct net_address from = {.size = sizeof(from.v6)};
	int fd = accept(listener, &from.any, &from.size);

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			errno == ENOMEM
		    ? -1
		    : 0;
	receive_guest(fd, &from);
	return 0;
}

/* Waits for clients or, after a shortage, a while. Nothing: 0. */
static int
wait_for_guest(int listener, const sigset_t *mask, bool is_short)
{
	const struct timespec now = {0, 0}, moment = {0, 50000000};
	fd_set set;

	FD_ZERO(&set);
	if (is_short)
		pselect(0, NULL, NULL, NULL, &moment, mask);
	if (stop)
		return 0;
	FD_SET(listener, &set);
	return pselect(
	    listener + 1, &set, NULL, NULL, is_short ? &now : NULL, mask);
}

static void
receive_guests(int listener, const sigset_t *mask)
{
	bool is_short = false, was_short = false;

	while (!stop) {
		int ready = wait_for_guest(listener, mask, is_short);

		if (ready == 0)
			is_short = was_short = false;
		if (ready <= 0)
			continue;
		is_short = accept_guest(listener) < 0;
		if (is_short && !was_short)
			error("accept", strerror(errno));
		was_short = was_short || is_short;
		/* It is over when nobody waits, not when one was accepted. */
		if (was_short && !is_short) {
			const struct timespec now = {0, 0};
			fd_set set;

			FD_ZERO(&set);
			FD_SET(listener, &set);
			if (pselect(listener + 1, &set, NULL, NULL, &now,
				NULL) == 0)
				was_short = false;
		}
	}
}

static int
usage(const char *what, const char *word)
{
	error(what, word);
	fputs(USAGE, stderr);
	return 2;
}

int
main(int argc, char *argv[])
{
	struct sigaction action = {.sa_handler = on_signal};
	struct net_address address;
	const char *host = "127.0.0.1", *port = "9090";
	char name[NET_NAME_SIZE];
	sigset_t stops, before;
	int c, listener;

	while ((c = getopt(argc, argv, "va:p:h")) != -1)
		switch (c) {
		case 'a':
			host = optarg;
			break;
		case 'p':
			port = optarg;
			break;
		case 'v':
			service_verbose = true;
			break;
		case 'h':
			fputs(USAGE, stdout);
			return 0;
		default:
			fputs(USAGE, stderr);
			return 2;
		}
	if (argc > optind)
		return usage("surplus operand", argv[optind]);
	if (port[strspn(port, "0123456789")] || !*port || strlen(port) > 5 ||
	    atol(port) > 65535)
		return usage("not a port", port);
	if (net_parse(host, atoi(port), &address) < 0)
		return usage("not an address", host);

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("server started");
	net_format(&address, name);
	if ((listener = net_listen(&address)) < 0 || !roster_open()) {
		error(name, strerror(errno));
		return 1;
	}
	fcntl(listener, F_SETFL, O_NONBLOCK);
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stops, &before);
	action.sa_mask = stops;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	net_format(&address, name);
	printf("listening on %s\n", name);

	receive_guests(listener, &before);
	close(listener);
	roster_close();
	puts("server stopped");
	return 0;
}
