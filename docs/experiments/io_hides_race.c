/*
 * io_hides_race - what ThreadSanitizer takes for synchronisation by default
 *
 *	io_hides_race [OPTIONS]
 *
 * Two threads add one to a variable without a lock: the bug. Each also sends a
 * datagram to itself, and the other never sees it. With io_sync=1, TSan's
 * default, that is enough to hide the race; with io_sync=0 it is reported.
 * OPTIONS are TSAN_OPTIONS for another start of the same program.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int counter;     /* guarded by nothing: the bug */
static atomic_int turn; /* relaxed: the second thread comes later by luck */

/* Sends a byte to itself over a socket that nobody else has. */
static void
talk_to_itself(void)
{
	struct sockaddr_in me = {.sin_family = AF_INET};
	socklen_t size = sizeof(me);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char byte = 'x';

	me.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&me, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&me, &size) < 0 ||
	    connect(fd, (struct sockaddr *)&me, size) < 0 ||
	    send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
		err(1, "datagram");
	close(fd);
}

static void *
count(void *argument)
{
	int number = *(int *)argument;

	while (atomic_load_explicit(&turn, memory_order_relaxed) != number)
		sched_yield();
	talk_to_itself();
	counter++;
	talk_to_itself();
	atomic_store_explicit(&turn, number + 1, memory_order_relaxed);
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t threads[2];
	int numbers[2] = {0, 1};

	if (argc > 1) {
		setenv("TSAN_OPTIONS", argv[1], 1);
		execl("/proc/self/exe", argv[0], (char *)NULL);
		err(1, "execl");
	}
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count, &numbers[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("counter %d\n", counter);
	return 0;
}
