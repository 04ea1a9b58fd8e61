/*
 * Shows a bug: main closes a client's socket while that client's thread is just
 * about to use it. The number is given to the next client, which is then sent
 * what was meant for the first.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static sem_t ready, go_on;

/* The thread of the first client. */
static void *
client_main(void *argument)
{
	int fd = *(int *)argument;

	sem_post(&ready);
	sem_wait(&go_on); /* held up here, between two instructions */
	send(fd, "anna's secret", 14, 0);
	return NULL;
}

int
main(void)
{
	int anna[2], boris[2];
	char bytes[32] = "";
	pthread_t thread;

	sem_init(&ready, 0, 0);
	sem_init(&go_on, 0, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, anna) < 0 ||
	    pthread_create(&thread, NULL, client_main, &anna[0]) != 0)
		return 1;
	sem_wait(&ready);
	close(anna[0]); /* to stop the thread */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, boris) < 0)
		return 1;
	printf("the same number: %s\n", boris[0] == anna[0] ? "yes" : "no");
	sem_post(&go_on);
	recv(boris[1], bytes, sizeof(bytes), 0);
	printf("boris reads: %s\n", bytes);
	pthread_join(thread, NULL);
}
