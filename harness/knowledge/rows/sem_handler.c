/* sem_post in a signal handler, sem_wait: a handler says so */
#include "row.h"

#include <semaphore.h>
#include <signal.h>

static sem_t sem;

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

static void
say(void)
{
	must(raise(SIGUSR1) == 0);
}

static void
hear(void)
{
	while (sem_wait(&sem) != 0)
		must(errno == EINTR);
}

static void
after(void)
{
	must(sem_destroy(&sem) == 0);
}

MESSAGE_ROW(before, say, hear, after)
