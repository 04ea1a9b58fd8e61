/*
 * A thread writes a plain variable and says so through a descriptor; the main
 * thread reads the variable when it has heard. The argument says by which
 * descriptor, and how it is listened to. Correct, except `tcp`: there the
 * harness takes a transfer for no synchronisation.
 */
#include "tcp_pair.h"

#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>

static int payload;
static int hear_fd, say_fd;
static int by_closing;

static void *
worker(void *unused)
{
	uint64_t one = 1;

	payload = 42;
	if (by_closing)
		close(say_fd);
	else if (write(say_fd, &one, sizeof one) < 0)
		abort();
	return unused;
}

static void
hear_by_reading(void)
{
	uint64_t word;

	if (read(hear_fd, &word, sizeof word) < 0)
		abort();
}

static void
hear_by_poll(void)
{
	struct pollfd wait = {.fd = hear_fd, .events = POLLIN};

	if (poll(&wait, 1, -1) != 1)
		abort();
}

static void
hear_by_select(void)
{
	fd_set readable;

	FD_ZERO(&readable);
	FD_SET(hear_fd, &readable);
	if (select(hear_fd + 1, &readable, NULL, NULL, NULL) != 1)
		abort();
}

static void
hear_by_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int set = epoll_create1(0);

	if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, hear_fd, &event) ||
	    epoll_wait(set, &event, 1, -1) != 1)
		abort();
}

static void
open_channel(const char *what)
{
	int ends[2];

	if (strcmp(what, "tcp") == 0) {
		tcp_pair(ends);
	} else if (strcmp(what, "eventfd") == 0) {
		ends[0] = ends[1] = eventfd(0, 0);
	} else if (strcmp(what, "socketpair") == 0) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
			abort();
	} else if (pipe(ends)) {
		abort();
	}
	hear_fd = ends[0];
	say_fd = ends[1];
	by_closing = strcmp(what, "end-of-file") == 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "pipe";
	pthread_t thread;
	int heard;

	open_channel(what);
	if (pthread_create(&thread, NULL, worker, NULL))
		return 2;
	if (strcmp(what, "poll") == 0)
		hear_by_poll();
	else if (strcmp(what, "select") == 0)
		hear_by_select();
	else if (strcmp(what, "epoll") == 0)
		hear_by_epoll();
	else
		hear_by_reading();
	heard = payload;
	pthread_join(thread, NULL);
	return heard != 42;
}
