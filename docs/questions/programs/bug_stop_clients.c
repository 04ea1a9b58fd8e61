/*
 * The end of a server: every client's thread is woken and awaited. A thread
 * that ends takes itself off the list.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CLIENTS = 3,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sockets[CLIENTS]; /* guarded by lock; -1: has left */
static pthread_t threads[CLIENTS];

/* Serves the client whose place in the list it is given. */
static void *
client_main(void *place)
{
	int *entry = place;
	int fd;
	char byte;

	pthread_mutex_lock(&lock);
	fd = *entry;
	pthread_mutex_unlock(&lock);
	while (recv(fd, &byte, 1, 0) > 0)
		send(fd, &byte, 1, MSG_NOSIGNAL);
	pthread_mutex_lock(&lock);
	*entry = -1;
	pthread_mutex_unlock(&lock);
	close(fd);
	return NULL;
}

static void
stop_clients(void)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < CLIENTS; i++) {
		if (sockets[i] >= 0)
			shutdown(sockets[i], SHUT_RDWR);
		pthread_join(threads[i], NULL);
	}
	pthread_mutex_unlock(&lock);
}

int
main(void)
{
	int pair[2];

	for (int i = 0; i < CLIENTS; i++) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
		sockets[i] = pair[0];
		pthread_create(&threads[i], NULL, client_main, &sockets[i]);
	}
	stop_clients();
	puts("server stopped");
}
