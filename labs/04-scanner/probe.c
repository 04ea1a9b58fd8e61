#define _POSIX_C_SOURCE 200809L

#include "probe.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Opens a socket of the target's family, or returns -1: see probe.h. */
int
probe_open(const struct net_address *target)
{
	/*
	 * TODO 3: so far connect(2) of this socket waits as long as the kernel
	 * likes. Have a socket that doesn't block.
	 */
	return socket(target->any.sa_family, SOCK_STREAM, 0);
}

/*
 * Connects fd to *address. Returns 0, or the errno of the failure: ETIMEDOUT
 * if there is no answer after timeout_ms.
 */
static int
connect_within(int fd, const struct net_address *address, int timeout_ms)
{
	/*
	 * TODO 2: connect(2), and return how it went.
	 *
	 * TODO 3: a socket that doesn't block fails with EINPROGRESS, which is
	 * no answer yet. poll(2) waits for it, but not longer than timeout_ms.
	 * Then ask how the attempt ended: with getsockopt(2) and SO_ERROR, or
	 * with a second connect(2).
	 */
	(void)fd;
	(void)address;
	(void)timeout_ms;
	return ENOSYS;
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
	/*
	 * TODO 6: compare what getsockname(2) and getpeername(2) say. So far
	 * the scanner may find itself.
	 */
	(void)fd;
	return false;
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

/*
 * Tries to connect to the port, and judges what came of it: see probe.h. Of
 * the results there, PORT_UNKNOWN is for what says nothing about the port.
 */
enum port_state
probe_port(int *fd, const struct net_address *target, int port, int timeout_ms)
{
	/*
	 * TODO 2: set_port in a copy of the address, connect_within, and judge
	 * its result. Close the socket.
	 *
	 * TODO 6: a socket that is its own peer is no open port. And a full
	 * scan goes faster if a socket that was refused is used again.
	 *
	 * TODO 7: after which errors was the port not tried at all?
	 */
	(void)fd;
	(void)target;
	(void)port;
	(void)timeout_ms;
	(void)set_port;
	(void)connect_within;
	(void)is_own_peer;
	return PORT_FILTERED;
}
