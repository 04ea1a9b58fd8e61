/*
 * echo_server - one client at a time, by epoll, signalfd and splice
 *
 *	echo_server [-a ADDRESS] [-p PORT]
 *
 * Signals are read like bytes. An epoll set holds what is waited for: the
 * signals always, and the door or the client, never both. The bytes
 * themselves never come up from the kernel: see pump.c.
 */

#define _GNU_SOURCE

#include "place.h"
#include "pump.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRY_AGAIN_MS = 120 };

/* The server and the client that it has, if it has one. */
static struct {
	int epoll, signals, door;
	int client; /* -1: none */
	struct pump pump;
	char name[PLACE_SIZE];
} house = {.client = -1};

static void
give_up(const char *what, const char *where)
{
	fprintf(
	    stderr, "echo_server: %s (%s): %s\n", what, where, strerror(errno));
	exit(1);
}

/* Watches fd from now on, for nothing where events is 0. */
static void
watch(int operation, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	epoll_ctl(house.epoll, operation, fd, &event);
}

static void
open_door(const struct addrinfo *place)
{
	struct sockaddr_storage real = {0};
	struct sockaddr *address = (struct sockaddr *)&real;
	socklen_t size = sizeof(real);
	char name[PLACE_SIZE];

	place_name(place->ai_addr, name);
	house.door = socket(place->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (house.door < 0)
		give_up("no socket for", name);
	setsockopt(
	    house.door, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(house.door, place->ai_addr, place->ai_addrlen) < 0)
		give_up("cannot bind", name);
	if (listen(house.door, SOMAXCONN) < 0)
		give_up("cannot listen", name);
	getsockname(house.door, address, &size);
	printf("listening on %s\n", place_name(address, name));
}

/* Takes the next client in. Returns false while that cannot be done. */
static bool
take_in(void)
{
	struct sockaddr_storage from = {0};
	struct sockaddr *address = (struct sockaddr *)&from;
	socklen_t size = sizeof(from);

	if (pump_open(&house.pump) < 0)
		return false;
	house.client = accept4(house.door, address, &size, SOCK_NONBLOCK);
	if (house.client < 0) {
		bool short_of = errno == EMFILE || errno == ENFILE ||
		    errno == ENOBUFS || errno == ENOMEM;

		pump_close(&house.pump);
		return !short_of;
	}
	printf("client %s connected\n", place_name(address, house.name));
	watch(EPOLL_CTL_MOD, house.door, 0);
	watch(EPOLL_CTL_ADD, house.client, EPOLLIN);
	return true;
}

static void
see_off(void)
{
	close(house.client); /* leaves the epoll set by itself */
	house.client = -1;
	pump_close(&house.pump);
	printf("client %s disconnected\n", house.name);
	watch(EPOLL_CTL_MOD, house.door, EPOLLIN);
}

static void
attend(void)
{
	size_t taken, given;
	enum pump_state state =
	    pump_run(&house.pump, house.client, &taken, &given);

	if (taken > 0)
		printf("received %zu bytes from %s\n", taken, house.name);
	if (given > 0)
		printf("sent %zu bytes to %s\n", given, house.name);
	if (state == PUMP_DONE)
		see_off();
	else
		watch(EPOLL_CTL_MOD, house.client,
		    state == PUMP_WANTS_ROOM ? EPOLLOUT : EPOLLIN);
}

static void
run(void)
{
	bool open = true; /* false while descriptors are short */

	for (;;) {
		struct epoll_event event = {.data.fd = house.door};
		int count = epoll_wait(
		    house.epoll, &event, 1, open ? -1 : TRY_AGAIN_MS);

		if (count < 0)
			continue;
		if (event.data.fd == house.signals)
			return;
		if (event.data.fd == house.client) {
			attend();
			continue;
		}
		if (take_in()) {
			open = true;
		} else if (open) {
			fprintf(stderr, "echo_server: no room: %s\n",
			    strerror(errno));
			open = false;
			watch(EPOLL_CTL_MOD, house.door, 0);
		}
		if (open && house.client < 0)
			watch(EPOLL_CTL_MOD, house.door, EPOLLIN);
	}
}

int
main(int argc, char *argv[])
{
	const struct addrinfo *place = place_from(argc, argv, "echo_server");
	sigset_t stops;

	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigprocmask(SIG_BLOCK, &stops, NULL);
	signal(SIGPIPE, SIG_IGN); /* splice knows no MSG_NOSIGNAL */
	house.signals = signalfd(-1, &stops, SFD_CLOEXEC);
	house.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (house.signals < 0 || house.epoll < 0)
		give_up("no descriptors", "signalfd, epoll");

	setlinebuf(stdout);
	puts("server started");
	open_door(place);
	watch(EPOLL_CTL_ADD, house.signals, EPOLLIN);
	watch(EPOLL_CTL_ADD, house.door, EPOLLIN);
	run();
	if (house.client >= 0)
		see_off();
	close(house.door);
	puts("server stopped");
	return 0;
}
