/*
 * What wakes a thread that calls poll(2) only afterwards: what stays in a pipe
 * does, a signal that has been handled by then does not.
 */

#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void
handler(int number)
{
	(void)number;
	stop = 1;
}

/* Polls the reading end of a pipe, at most 50 ms, and says what came of it. */
static void
report(const char *before, int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	int ready = poll(&polled, 1, 50);

	printf("%s: poll %d%s%s\n", before, ready,
	    polled.revents & POLLIN ? ", POLLIN" : "",
	    polled.revents & POLLHUP ? ", POLLHUP" : "");
}

int
main(void)
{
	struct sigaction action = {.sa_handler = handler};
	int fds[2];
	char byte;

	sigaction(SIGUSR1, &action, NULL);
	if (pipe(fds) < 0)
		return 1;
	pthread_kill(pthread_self(), SIGUSR1);
	report(stop ? "a signal, handled before" : "no signal", fds[0]);
	if (write(fds[1], "!", 1) < 0)
		return 1;
	report("a byte, written before", fds[0]);
	if (read(fds[0], &byte, 1) < 0)
		return 1;
	close(fds[1]);
	report("the writing end, closed before", fds[0]);
	report("and once more", fds[0]);
	return 0;
}
