/*
 * net - TCP in the few calls that the labs need
 *
 * A function that fails returns -1 and says why in errno. None ends the
 * program, none raises SIGPIPE, and any thread may call them.
 */

#ifndef NET_H
#define NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

enum {
	NET_NAME_SIZE = 64,  /* room for "[ADDRESS]:PORT" and its '\0' */
	NET_LINE_MAX = 1024, /* bytes in a line, its ending not counted */
};

/* An IPv4 or IPv6 address with its port: size bytes of the union. */
struct net_address {
	union {
		struct sockaddr any; /* any.sa_family tells which it is */
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t size;
};

/* Turns text, an IPv4 or IPv6 address, and a port into *address. */
int net_parse(const char *text, int port, struct net_address *address);

/* Writes an address as people do: 127.0.0.1:9090 or [::1]:9090. */
void net_format(const struct net_address *address, char name[NET_NAME_SIZE]);

/* Returns a socket that listens on *address, which gets its true port. */
int net_listen(struct net_address *address);

/* Returns a socket that is connected to *address. */
int net_connect(const struct net_address *address);

/* Sends all size bytes of data, however long the peer takes. */
int net_send_all(int fd, const void *data, size_t size);

/* Bytes that were received and not yet read; begin with {.fd = fd}. */
struct net_reader {
	int fd;
	/* May be set, too: is told of each receipt, owner and size in bytes. */
	void (*received)(const void *owner, size_t size);
	const void *owner;
	bool skipping;    /* inside a line that is too long */
	size_t next, end; /* buffer[next] to buffer[end - 1] */
	char buffer[2048];
};

/*
 * Waits for a line, writes it to line with '\0' for its LF or CR LF, and
 * returns its length. Fails with errno 0 at the end, where a line without LF
 * is dropped, and with EMSGSIZE for a line too long: once, then goes on.
 */
ssize_t net_read_line(struct net_reader *reader, char line[NET_LINE_MAX + 1]);

#endif
