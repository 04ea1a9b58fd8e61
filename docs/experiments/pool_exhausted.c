/*
 * A pool of two threads and three clients. The first two are silent and hold
 * both threads, so the third is not even looked at until one of them leaves.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	THREADS = 2,
	CLIENTS = 3,
};

static int jobs[2]; /* the pool's queue: a pipe with clients' numbers */
static int server_side[CLIENTS], client_side[CLIENTS];
static sem_t begun; /* posted each time a thread takes a client */

/* Takes clients from the queue, serves each until its end. */
static void *
worker_main(void *unused)
{
	char client, byte;

	(void)unused;
	while (read(jobs[0], &client, 1) == 1) {
		sem_post(&begun);
		while (recv(server_side[(int)client], &byte, 1, 0) == 1)
			send(server_side[(int)client], &byte, 1, 0);
	}
	return NULL;
}

int
main(void)
{
	pthread_t workers[THREADS];
	int pair[2];
	char byte = 'x';

	sem_init(&begun, 0, 0);
	if (pipe(jobs) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&workers[i], NULL, worker_main, NULL) != 0)
			return 1;
	for (char client = 0; client < CLIENTS; client++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
			return 1;
		client_side[(int)client] = pair[0];
		server_side[(int)client] = pair[1];
		if (write(jobs[1], &client, 1) != 1)
			return 1;
	}
	sem_wait(&begun);
	sem_wait(&begun);
	send(client_side[2], &byte, 1, 0);
	printf("clients 0 and 1 are silent, 2 has spoken; ");
	printf("a thread for 2: %s\n", sem_trywait(&begun) == 0 ? "yes" : "no");

	shutdown(client_side[0], SHUT_WR);
	recv(client_side[2], &byte, 1, 0);
	printf("client 0 has left, 2 is answered: %c\n", byte);

	close(jobs[1]); /* the pool's end */
	shutdown(client_side[1], SHUT_WR);
	shutdown(client_side[2], SHUT_WR);
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i], NULL);
}
