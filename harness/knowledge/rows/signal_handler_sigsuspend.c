/* pthread_kill, sigsuspend: a handler that runs in the thread it is sent to */
#include "row.h"

#include <signal.h>

static pthread_t hearer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t known = PTHREAD_COND_INITIALIZER;
static bool is_known; /* under lock */

static volatile sig_atomic_t got;

static void
handler(int number)
{
	got = number;
}

static void
before(void)
{
	struct sigaction action = {.sa_handler = handler};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	must(sigaction(SIGUSR1, &action, NULL) == 0);
}

/* Only the hearer's number: nothing is handed over that way. */
static void
say(void)
{
	pthread_t who;

	must(pthread_mutex_lock(&lock) == 0);
	while (!is_known)
		must(pthread_cond_wait(&known, &lock) == 0);
	who = hearer;
	must(pthread_mutex_unlock(&lock) == 0);
	must(pthread_kill(who, SIGUSR1) == 0);
}

static void
be_known(void)
{
	must(pthread_mutex_lock(&lock) == 0);
	hearer = pthread_self();
	is_known = true;
	must(pthread_cond_signal(&known) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
hear(void)
{
	sigset_t set;

	be_known();
	must(pthread_sigmask(SIG_BLOCK, NULL, &set) == 0);
	sigdelset(&set, SIGUSR1);
	while (!got)
		sigsuspend(&set);
}

MESSAGE_ROW(before, say, hear, nothing)
