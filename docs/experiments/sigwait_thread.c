/*
 * Signals are blocked in all threads, and one thread takes them with
 * sigwait(3). There is no handler: it may print, lock and allocate.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static sigset_t signals;

static void *
signal_main(void *unused)
{
	int number;

	for (;;) {
		sigwait(&signals, &number);
		printf("signal %s\n", number == SIGHUP ? "HUP" : "TERM");
		if (number == SIGTERM)
			return unused;
	}
}

int
main(void)
{
	pthread_t thread;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	/* Before the first thread is created: all of them inherit it. */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	kill(getpid(), SIGHUP); /* nobody waits yet: it stays pending */
	if (pthread_create(&thread, NULL, signal_main, NULL) != 0)
		return 1;
	kill(getpid(), SIGTERM);
	pthread_join(thread, NULL);
	puts("all threads have ended");
}
