#define _POSIX_C_SOURCE 200809L

#include "listener.h"

#include "clients.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum {
	RETRY_MS = 100, /* between tries to accept when resources are short */
};

/*
 * The listener. All of it is the main thread's, which lets the listening
 * thread look at fd and wake from its start to its join: no lock is needed.
 */
static struct {
	struct net_address address;
	bool runs;
	int fd;           /* the socket that listens */
	int wake[2];      /* a pipe: once wake[1] is closed, the thread ends */
	pthread_t thread; /* the one that accepts */
} listener;

/*
 * Waits for a client, writes its address to *address and returns its socket,
 * or -1 when the thread is to end. It never sleeps in accept(2), where nothing
 * but a client could wake it, but in poll(2), which looks at the pipe as well.
 * A pipe whose other end is closed stays so: be it closed before poll(2),
 * after it or meanwhile, poll(2) does not wait.
 *
 * Where accept(2) fails for want of descriptors or memory, clients wait in the
 * kernel's queue: that is said once, until the queue is empty again, and tried
 * again every RETRY_MS.
 */
static int
accept_client(struct net_address *address)
{
	/*
	 * TODO 1: so far any error of accept(2) ends the thread, see lab 02.
	 *
	 * TODO 2: once in accept(2), only a client can wake the thread. Wait
	 * with poll(2), for the socket and for the pipe.
	 */
	address->size = sizeof(address->v6);
	return accept(listener.fd, &address->any, &address->size);
}

/* The life of the listening thread. */
static void *
listener_main(void *unused)
{
	struct net_address address;
	int fd;

	(void)unused;
	while ((fd = accept_client(&address)) >= 0)
		clients_add(fd, &address);
	return NULL;
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

/*
 * Makes accept(2) of the socket fail where it would wait: a client may leave
 * between poll(2) and accept(2). The flags that fd has already are kept.
 * Returns 0, or the error.
 */
static int
make_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return errno;
	return 0;
}

/*
 * The pipe first, the thread last: it finds all it needs. What there is when
 * one of the steps fails is given back.
 */
int
listener_start(void)
{
	/*
	 * TODO 1: so far clients are let into the queue, but nobody accepts
	 * them. Start the thread. What if that fails?
	 *
	 * TODO 2: open the pipe first.
	 */
	(void)listener_main;
	(void)make_nonblocking;
	listener.fd = net_listen(&listener.address);
	listener.runs = listener.fd >= 0;
	return listener.runs ? 0 : -1;
}

/* Wakes the thread, waits for its end, closes what it has used. */
void
listener_stop(void)
{
	/* TODO 2: end the thread, wait for it, then close. */
	(void)listener;
}
