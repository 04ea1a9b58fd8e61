/*
 * As many threads as the argument says wait in recv for a peer that is silent,
 * one more in send for a peer that never reads; main reads its stdin to the end
 * and then ends the program.
 */
#define _POSIX_C_SOURCE 200809L

#include "net.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int silent[2], deaf[2];

static void
echo(int fd)
{
	char portion[64];
	ssize_t n;

	while ((n = recv(fd, portion, sizeof(portion), 0)) > 0)
		if (net_send_all(fd, portion, (size_t)n) < 0)
			return;
}

static void *
receiver_main(void *argument)
{
	echo(silent[0]);
	return argument;
}

static void *
sender_main(void *argument)
{
	static const char zeros[1 << 20];

	while (net_send_all(deaf[0], zeros, sizeof(zeros)) == 0)
		;
	return argument;
}

static void
wait_for_end(void)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1)
		;
}

int
main(int argc, char *argv[])
{
	int count = argc > 1 ? atoi(argv[1]) : 3;
	pthread_t thread;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, silent) < 0)
		return 2;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, deaf) < 0)
		return 2;
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, receiver_main, NULL) != 0)
			return 2;
	if (pthread_create(&thread, NULL, sender_main, NULL) != 0)
		return 2;
	wait_for_end();
	return 0;
}
