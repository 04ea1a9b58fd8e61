/* pthread_kill, sem_post in a handler: a handler in another thread says so */
#include "row.h"

#include <semaphore.h>
#include <signal.h>

static sem_t sem;

static pthread_t hearer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t known = PTHREAD_COND_INITIALIZER;
static bool is_known; /* under lock */

static void
handler(int number)
{
	(void)number;
	sem_post(&sem);
}

static void
before(void)
{
	struct sigaction action = {
	    .sa_handler = handler, .sa_flags = SA_RESTART};

	must(sem_init(&sem, 0, 0) == 0);
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
	be_known();
	while (sem_wait(&sem) != 0)
		must(errno == EINTR);
}

MESSAGE_ROW(before, say, hear, nothing)
