/*
 * A timer sends a signal every 10 ms while a call waits. Which calls end with
 * EINTR, and which go on waiting?
 */

#define _XOPEN_SOURCE 700

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static int fds[2];
static volatile sig_atomic_t signals, speaks;

/* At the fifth signal there is something to read, if that was wanted. */
static void
handler(int number)
{
	(void)number;
	signals++;
	if (speaks && signals == 5 && write(fds[1], "!", 1) < 0)
		_exit(1);
}

static void
handle(int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigaction(SIGALRM, &action, NULL);
	signals = 0;
}

static void
report(const char *name, long result)
{
	printf("%s: %s\n", name, result < 0 ? strerror(errno) : "a byte");
}

int
main(void)
{
	struct itimerval every = {{0, 10000}, {0, 10000}};
	struct pollfd polled;
	char byte;

	if (pipe(fds) < 0)
		return 1;
	handle(0);
	setitimer(ITIMER_REAL, &every, NULL);
	report("read", read(fds[0], &byte, 1));
	polled = (struct pollfd){.fd = fds[0], .events = POLLIN};
	handle(SA_RESTART);
	report("poll with SA_RESTART", poll(&polled, 1, -1));
	speaks = 1;
	handle(SA_RESTART);
	report("read with SA_RESTART", read(fds[0], &byte, 1));
}
