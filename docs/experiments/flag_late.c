/*
 * Shows a bug: a thread looks at a flag, then sleeps in accept(2). The flag is
 * set in between, and the thread does not see it until a client comes.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static atomic_bool stop;
static int listener;
static sem_t looked, ended;

static void *
listener_main(void *unused)
{
	while (!stop) {
		sem_post(&looked);
		close(accept(listener, NULL, NULL));
	}
	sem_post(&ended);
	return unused;
}

/* Has the thread ended within a fifth of a second? */
static const char *
has_ended(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 200000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return sem_timedwait(&ended, &until) == 0 ? "has ended" : "still there";
}

int
main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	pthread_t thread;

	sem_init(&looked, 0, 0);
	sem_init(&ended, 0, 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener, 8) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		return 1;

	if (pthread_create(&thread, NULL, listener_main, NULL) != 0)
		return 1;
	sem_wait(&looked);
	stop = true;
	printf("the flag is set: the thread is %s\n", has_ended());
	if (connect(socket(AF_INET, SOCK_STREAM, 0),
		(struct sockaddr *)&address, size) < 0)
		return 1;
	pthread_join(thread, NULL);
	printf("a client came: the thread %s\n", has_ended());
}
