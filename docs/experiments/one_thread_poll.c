/*
 * One thread serves two clients: it asks poll(2) which of them has sent
 * something. The clients are another process; the one that came first is
 * silent until the second has been answered.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in address;

/* Sends a word and prints what comes back. */
static void
ask(int fd, const char *who)
{
	char answer[32] = "";

	send(fd, who, strlen(who), 0);
	recv(fd, answer, sizeof(answer) - 1, 0);
	printf("the client that came %s is answered: %s\n", who, answer);
	fflush(stdout);
}

/* Two clients: both are connected before one of them speaks. */
static void
be_clients(void)
{
	int first = socket(AF_INET, SOCK_STREAM, 0);
	int second = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(first, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    connect(second, (struct sockaddr *)&address, sizeof(address)) < 0)
		_exit(1);
	ask(second, "second");
	ask(first, "first");
	_exit(0);
}

/* Echoes what has come; at the client's end forgets him. Is he still there? */
static int
serve(struct pollfd *client)
{
	char bytes[32];
	ssize_t size = recv(client->fd, bytes, sizeof(bytes), 0);

	if (size > 0 && send(client->fd, bytes, (size_t)size, 0) == size)
		return 1;
	close(client->fd);
	client->fd = -1; /* poll(2) skips it */
	return 0;
}

/* /proc/self/task is a directory with a directory for each thread. */
static int
count_threads(void)
{
	struct stat task;

	stat("/proc/self/task", &task);
	return (int)task.st_nlink - 2; /* "." and ".." */
}

/* A socket that listens on loopback, its address in `address`; or -1. */
static int
listen_on_loopback(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
	    listen(fd, 2) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -1;
	return fd;
}

/* Serves two clients until both have left. */
static void
serve_both(int listener)
{
	struct pollfd polled[3] = {{.fd = listener, .events = POLLIN}};
	int count = 1, left = 0;

	while (left < 2) {
		poll(polled, (nfds_t)count, -1);
		for (int i = 1; i < count; i++)
			if (polled[i].revents != 0 && !serve(&polled[i]))
				left++;
		if (count < 3 && polled[0].revents != 0) {
			polled[count].fd = accept(listener, NULL, NULL);
			polled[count++].events = POLLIN;
		}
	}
}

int
main(void)
{
	int listener = listen_on_loopback();

	if (listener < 0)
		return 1;
	if (fork() == 0)
		be_clients();
	serve_both(listener);
	wait(NULL);
	printf("clients: 2, threads: %d\n", count_threads());
}
