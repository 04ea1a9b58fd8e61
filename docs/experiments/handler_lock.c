/*
 * Shows a bug: a signal handler wants the lock that the thread it interrupted
 * holds. It only tries here, so that the program ends; pthread_mutex_lock(3)
 * would wait for its own thread for ever. (Neither may be called in a handler.)
 */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t busy;

static void
handler(int number)
{
	(void)number;
	busy = pthread_mutex_trylock(&lock) == EBUSY;
}

int
main(void)
{
	struct sigaction action = {.sa_handler = handler};

	sigaction(SIGINT, &action, NULL);
	pthread_mutex_lock(&lock);
	raise(SIGINT); /* Ctrl-C, at this very moment */
	pthread_mutex_unlock(&lock);
	puts(busy ? "the handler would wait for ever" : "lucky");
}
