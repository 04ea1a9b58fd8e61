/*
 * shutdown(2) wakes threads that sleep in accept(2) and recv(2). It is the same
 * if it comes before they sleep: a socket that was shut down stays so.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void *
accept_main(void *listener)
{
	if (accept(*(int *)listener, NULL, NULL) < 0)
		printf("accept: %s\n", strerror(errno));
	return NULL;
}

static void *
recv_main(void *client)
{
	char byte;

	printf("recv: %zd\n", recv(*(int *)client, &byte, 1, 0));
	return NULL;
}

/* Starts a thread that uses a socket, wakes it, waits for it. */
static void
start_and_stop(void *(*thread_main)(void *), int fd)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_main, &fd) != 0)
		exit(1);
	shutdown(fd, SHUT_RDWR);
	pthread_join(thread, NULL); /* only now may fd be closed */
}

int
main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int pair[2];

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 8) < 0)
		return 1;
	start_and_stop(accept_main, listener);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 1;
	start_and_stop(recv_main, pair[0]);
}
