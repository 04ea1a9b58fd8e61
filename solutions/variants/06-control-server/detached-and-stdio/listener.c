/*
 * listener - here the thread sleeps in accept(2), and shutdown(2) of the
 * listening socket, which Linux allows, ends that. A flag says that it is to
 * end: out of descriptors accept(2) says EMFILE even then.
 */

#define _POSIX_C_SOURCE 200809L

#include "listener.h"

#include "clients.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

/* All of it is main's; the thread gets its socket as its argument. */
static struct {
	struct net_address address;
	bool runs;
	atomic_bool ending;
	int fd;
	pthread_t thread;
} listener;

/* Whether nobody waits to be accepted. */
static bool
is_queue_empty(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, 0) == 0;
}

/* Says once why nobody can be accepted, and waits a moment. */
static void
wait_for_better_times(bool *said_so)
{
	struct timespec moment = {.tv_nsec = 100000000};

	if (!*said_so)
		warn("accept");
	*said_so = true;
	nanosleep(&moment, NULL);
}

static void *
listener_main(void *argument)
{
	const int *socket = argument;
	bool said_so = false;

	for (;;) {
		struct net_address address = {.size = sizeof(address.v6)};
		int fd = accept(*socket, &address.any, &address.size);

		if (fd >= 0)
			clients_add(fd, &address);
		else if (atomic_load(&listener.ending))
			return NULL;
		else if (errno != EINTR && errno != ECONNABORTED)
			wait_for_better_times(&said_so);
		if (said_so && is_queue_empty(*socket))
			said_so = false;
	}
}

void
listener_set_address(const struct net_address *address)
{
	listener.address = *address;
}

void
listener_format_address(char name[NET_NAME_SIZE])
{
	net_format(&listener.address, name);
}

bool
listener_runs(void)
{
	return listener.runs;
}

int
listener_start(void)
{
	int error;

	listener.fd = net_listen(&listener.address);
	if (listener.fd < 0)
		return -1;
	atomic_store(&listener.ending, false);
	error =
	    pthread_create(&listener.thread, NULL, listener_main, &listener.fd);
	listener.runs = error == 0;
	if (listener.runs)
		return 0;
	close(listener.fd);
	errno = error;
	return -1;
}

void
listener_stop(void)
{
	if (!listener.runs)
		return;
	atomic_store(&listener.ending, true);
	shutdown(listener.fd, SHUT_RDWR);
	pthread_join(listener.thread, NULL);
	close(listener.fd);
	listener.runs = false;
}
