/*
 * Shows a bug: a socket is closed while a thread sleeps in accept(2) on it. The
 * thread sleeps on, and lets in the next client, to a "closed" server.
 */

#define _GNU_SOURCE /* gettid */

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener;
static atomic_int thread_id;

static void *
listener_main(void *unused)
{
	thread_id = gettid();
	printf("accept: %s\n",
	    accept(listener, NULL, NULL) < 0 ? "failed" : "a client");
	return unused;
}

/* Waits until the thread sleeps: from then on it is inside accept(2). */
static void
await_sleep(void)
{
	char path[64], state = 'R';
	FILE *stat;

	while (thread_id == 0)
		sched_yield();
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread_id);
	while (state != 'S') {
		stat = fopen(path, "r");
		if (stat == NULL || fscanf(stat, "%*d %*s %c", &state) != 1)
			return;
		fclose(stat);
	}
}

int
main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, size) < 0 ||
	    listen(listener, 8) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		return 1;

	if (pthread_create(&thread, NULL, listener_main, NULL) != 0)
		return 1;
	await_sleep();
	printf("close: %d\n", close(listener));
	if (connect(client, (struct sockaddr *)&address, size) < 0)
		return 1;
	pthread_join(thread, NULL);
}
