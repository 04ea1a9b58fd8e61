/*
 * A signal handler that writes into a pipe, 200 times, while the program is in
 * calls that the shim wraps. Exits 0 when every byte has come through and no
 * call has changed errno in passing.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

enum { SIGNALS = 200, PERIOD_US = 1000 };

static int ends[2];
static volatile sig_atomic_t sent;

static void
pass_on(int number)
{
	int saved = errno;
	char byte = 's';

	(void)number;
	if (sent < SIGNALS && write(ends[1], &byte, 1) == 1)
		sent++;
	errno = saved;
}

int
main(void)
{
	struct itimerval period = {{0, PERIOD_US}, {0, PERIOD_US}};
	struct sigaction action = {.sa_handler = pass_on};
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	int seen = 0;
	char byte;

	if (pipe(ends) || fcntl(ends[0], F_SETFL, O_NONBLOCK) ||
	    sigaction(SIGALRM, &action, NULL) ||
	    setitimer(ITIMER_REAL, &period, NULL))
		return 2;
	while (seen < SIGNALS) {
		errno = ERANGE;
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		if (errno != ERANGE)
			return 3;
		if (read(ends[0], &byte, 1) == 1)
			seen++;
		else if (errno != EAGAIN && errno != EINTR)
			return 4;
	}
	return 0;
}
