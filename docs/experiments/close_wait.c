/*
 * close_wait - what is left of a client that has gone where nobody calls close
 *
 * A client connects and leaves. The server reads the end of its data, and
 * forgets to close the socket: the bug shown here. The descriptor stays, and
 * the connection stays in the state CLOSE-WAIT, which ss(8) shows.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connects to a listening socket of this process; returns the new socket. */
static int
connect_to(int listener)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
	    connect(fd, (struct sockaddr *)&address, size) < 0)
		err(1, "connect");
	return fd;
}

static int
state_of(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		err(1, "TCP_INFO");
	return info.tcpi_state;
}

/* How many sockets this process has: what `ls -l /proc/PID/fd` shows. */
static int
count_sockets(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	if (directory == NULL)
		err(1, "/proc/self/fd");
	while ((entry = readdir(directory)) != NULL) {
		char target[64] = "";

		if (readlinkat(dirfd(directory), entry->d_name, target,
			sizeof(target) - 1) > 0)
			count += target[0] == 's'; /* socket:[number] */
	}
	closedir(directory);
	return count;
}

int
main(void)
{
	struct sockaddr_in loopback = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int fd, client;
	char byte;

	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&loopback, sizeof(loopback)) ||
	    listen(listener, 1) < 0)
		err(1, "listen");
	printf("sockets: %d\n", count_sockets());
	for (int i = 0; i < 3; i++) {
		client = connect_to(listener);
		fd = accept(listener, NULL, NULL);
		close(client);
		if (read(fd, &byte, 1) == 0 && state_of(fd) == TCP_CLOSE_WAIT)
			printf("client %d has left: CLOSE-WAIT\n", i + 1);
	}
	printf("sockets: %d\n", count_sockets());
	return 0;
}
