/*
 * A thread begins with the signal mask of the thread that created it. What is
 * blocked later is blocked in one thread only.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>

static sem_t go_on;

static void *
thread_main(void *name)
{
	sigset_t mask;

	sem_wait(&go_on);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	printf("%s: SIGTERM is %s\n", (char *)name,
	    sigismember(&mask, SIGTERM) ? "blocked" : "not blocked");
	return NULL;
}

int
main(void)
{
	pthread_t before, after;
	sigset_t set;

	sem_init(&go_on, 0, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);

	if (pthread_create(&before, NULL, thread_main, "created before") != 0)
		return 1;
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sem_post(&go_on); /* it looks only now */
	pthread_join(before, NULL);

	if (pthread_create(&after, NULL, thread_main, "created after") != 0)
		return 1;
	sem_post(&go_on);
	pthread_join(after, NULL);
}
