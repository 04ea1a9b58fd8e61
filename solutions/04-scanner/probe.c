#define _POSIX_C_SOURCE 200809L

#include "probe.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

int
probe_open(const struct net_address *target)
{
	return socket(target->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

/*
 * Connects fd to *address. Returns 0, or the errno of the failure: ETIMEDOUT
 * if there is no answer after timeout_ms.
 */
static int
connect_within(int fd, const struct net_address *address, int timeout_ms)
{
	struct pollfd answer = {.fd = fd, .events = POLLOUT};
	int ready;

	if (connect(fd, &address->any, address->size) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	/* Not select(2): it writes past its set for descriptors from 1024. */
	do
		ready = poll(&answer, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return ETIMEDOUT;
	/*
	 * Ask connect(2) again how it went. SO_ERROR would tell as well, but
	 * this also makes a socket that was refused fit for the next port.
	 */
	return connect(fd, &address->any, address->size) == 0 ? 0 : errno;
}

/*
 * Whether fd is connected to itself. A socket that connects gets a free local
 * port from the kernel. If that happens to be the port it connects to, its
 * own SYN comes back to it, and TCP takes that for a peer who connects at the
 * same moment (RFC 9293, section 3.5, simultaneous open).
 */
static bool
is_own_peer(int fd)
{
	struct net_address here = {.size = sizeof(here.v6)};
	struct net_address there = {.size = sizeof(there.v6)};

	return getsockname(fd, &here.any, &here.size) == 0 &&
	    getpeername(fd, &there.any, &there.size) == 0 &&
	    here.size == there.size &&
	    memcmp(&here.any, &there.any, here.size) == 0;
}

/* Makes a port of a host out of its address. */
static void
set_port(struct net_address *address, int port)
{
	if (address->any.sa_family == AF_INET6)
		address->v6.sin6_port = htons((in_port_t)port);
	else
		address->v4.sin_port = htons((in_port_t)port);
}

enum port_state
probe_port(int *fd, const struct net_address *target, int port, int timeout_ms)
{
	struct net_address address = *target;
	enum port_state state = PORT_FILTERED;
	int error;

	set_port(&address, port);
	error = connect_within(*fd, &address, timeout_ms);
	switch (error) {
	case 0:
		/* Nobody else has a port that the kernel gave to us. */
		state = is_own_peer(*fd) ? PORT_CLOSED : PORT_OPEN;
		break;
	case ECONNREFUSED: /* after that, Linux lets us use fd again */
		return PORT_CLOSED;
	case EADDRNOTAVAIL: /* no free local port */
	case EAGAIN:        /* the same, in some kernels */
	case ENOBUFS:
	case ENOMEM:
		errno = error;
		return PORT_UNKNOWN;
	}
	close(*fd);
	*fd = -1;
	return state;
}
