/* pthread_sigqueue, sigwaitinfo: a signal to a thread, with a value */
#include "row.h"

#include <signal.h>

static pthread_t hearer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t known = PTHREAD_COND_INITIALIZER;
static bool is_known; /* under lock */

static void
before(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
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
	must(pthread_sigqueue(who, SIGUSR1, (union sigval){0}) == 0);
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
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	while (sigwaitinfo(&set, NULL) != SIGUSR1)
		must(errno == EINTR);
}

MESSAGE_ROW(before, say, hear, nothing)
