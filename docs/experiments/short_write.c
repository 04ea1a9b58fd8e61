/*
 * short_write - write(2) may take a part, or nothing, when a signal comes
 *
 * Nobody reads at first, so the socket's buffer fills and write(2) waits.
 */

#define _DEFAULT_SOURCE

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static char data[4 << 20];

/* Handles SIGALRM: all it does is to interrupt. */
static void
on_alarm(int signal_number)
{
	(void)signal_number;
}

/* Makes SIGALRM come every 20 ms: one of them comes while write waits. */
static void
interrupt_often(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval often = {{0, 20000}, {0, 20000}};

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGALRM, &action, NULL) < 0 ||
	    setitimer(ITIMER_REAL, &often, NULL) < 0)
		err(1, "SIGALRM");
}

/* Sends all size bytes, in as many pieces as it takes; 0, or -1. */
static int
send_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Reads to the end and returns how many bytes there were. */
static void *
read_all(void *argument)
{
	static size_t total;
	char part[65536];
	ssize_t n;

	while ((n = read(*(int *)argument, part, sizeof(part))) != 0)
		if (n > 0)
			total += (size_t)n;
	return &total;
}

int
main(void)
{
	pthread_t reader;
	void *total;
	ssize_t taken;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		err(1, "socketpair");
	interrupt_often();

	taken = write(pair[0], data, sizeof(data));
	printf("of %zu bytes write took %zd\n", sizeof(data), taken);
	if (write(pair[0], data, sizeof(data)) < 0)
		printf("then it took nothing: %s\n",
		    errno == EINTR ? "EINTR" : strerror(errno));

	if (pthread_create(&reader, NULL, read_all, &pair[1]) != 0)
		errx(1, "no thread");
	if (send_all(pair[0], data + taken, sizeof(data) - (size_t)taken) < 0)
		err(1, "send_all");
	close(pair[0]);
	pthread_join(reader, &total);
	printf("with send_all %zu have come\n", *(size_t *)total);
	return 0;
}
