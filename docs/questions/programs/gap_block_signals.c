/*
 * One thread takes SIGTERM with sigwait(3). The signal is sent before that
 * thread exists, and must neither be lost nor end the program.
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

	sigwait(&signals, &number);
	printf("stopping in good order\n");
	return unused;
}

int
main(void)
{
	pthread_t thread;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	/* GAP */
	kill(getpid(), SIGTERM);
	pthread_create(&thread, NULL, signal_main, NULL);
	pthread_join(thread, NULL);
}
