/*
 * Which thread gets a signal? One sent to the process: any thread that does
 * not block it. One sent to a thread: that thread.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static sem_t ready, handled, finish;
static pthread_t main_thread, blocking, open_to_it;
static _Atomic pthread_t who; /* lock-free, so a handler may set it */

/* Both calls are async-signal-safe: signal-safety(7). */
static void
handler(int number)
{
	(void)number;
	who = pthread_self();
	sem_post(&handled);
}

static void *
thread_main(void *how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(*(int *)how, &set, NULL);
	sem_post(&ready);
	while (sem_wait(&finish) != 0)
		continue; /* interrupted by the handler */
	return NULL;
}

static const char *
name_of(pthread_t thread)
{
	if (pthread_equal(thread, main_thread))
		return "main";
	if (pthread_equal(thread, blocking))
		return "the thread that blocks it";
	return "the thread that does not block it";
}

static void
report(const char *what)
{
	while (sem_wait(&handled) != 0)
		continue;
	printf("%s: handled by %s\n", what, name_of(who));
}

int
main(void)
{
	struct sigaction action = {.sa_handler = handler};
	int block = SIG_BLOCK, unblock = SIG_UNBLOCK;
	sigset_t set;

	main_thread = pthread_self();
	sem_init(&ready, 0, 0);
	sem_init(&handled, 0, 0);
	sem_init(&finish, 0, 0);
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&blocking, NULL, thread_main, &block) != 0 ||
	    pthread_create(&open_to_it, NULL, thread_main, &unblock) != 0)
		return 1;
	sem_wait(&ready);
	sem_wait(&ready);

	kill(getpid(), SIGUSR1);
	report("to the process");
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_kill(pthread_self(), SIGUSR1);
	report("to main");

	sem_post(&finish);
	sem_post(&finish);
	pthread_join(blocking, NULL);
	pthread_join(open_to_it, NULL);
}
