/*
 * Shows a bug: a message goes to all clients with the lock held. One of them
 * doesn't read, so send(2) waits, and with it everybody who wants the lock.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	ANNA,
	BORIS,
	USERS,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int servers[USERS], clients[USERS]; /* the two ends of each socket */

static void
tell_all(const char *text)
{
	pthread_mutex_lock(&lock);
	for (int user = 0; user < USERS; user++)
		send(servers[user], text, strlen(text), 0); /* may wait */
	pthread_mutex_unlock(&lock);
}

static void *
speaker_main(void *text)
{
	tell_all(text);
	return NULL;
}

/* Boris has not read for so long that the kernel keeps no more for him. */
static void
fill(int fd)
{
	char bytes[4096] = "";

	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	while (send(fd, bytes, 1, MSG_DONTWAIT) > 0)
		continue;
}

/* What becomes of a thread that wants the lock, within a tenth of a second. */
static const char *
try_to_speak(void)
{
	struct timespec until;
	int error;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	error = pthread_mutex_timedlock(&lock, &until);
	if (error == 0)
		pthread_mutex_unlock(&lock);
	return strerror(error);
}

int
main(void)
{
	pthread_t speaker;
	char bytes[4096];
	int pair[2];

	for (int user = 0; user < USERS; user++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
			return 1;
		servers[user] = pair[0];
		clients[user] = pair[1];
	}
	fill(servers[BORIS]);
	if (pthread_create(&speaker, NULL, speaker_main, "hello") != 0)
		return 1;
	recv(clients[ANNA], bytes, sizeof(bytes), 0);
	printf("anna has the message, boris does not read\n");
	printf("clara wants to speak: %s\n", try_to_speak());
	while (recv(clients[BORIS], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	pthread_join(speaker, NULL);
	printf("boris has read; clara wants to speak: %s\n", try_to_speak());
}
