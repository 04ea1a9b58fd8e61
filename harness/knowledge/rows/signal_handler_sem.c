/* pthread_kill, sem_post in a handler: a handler in another thread says so */
#include "row.h"

#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

static sem_t sem;

/* Told without any order: nothing else is handed over that way. */
static atomic_uintptr_t hearer;

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
	pthread_t who;

	while ((who = atomic_load_explicit(&hearer, memory_order_relaxed)) == 0)
		sched_yield();
	must(pthread_kill(who, SIGUSR1) == 0);
}

static void
be_known(void)
{
	atomic_store_explicit(&hearer, pthread_self(), memory_order_relaxed);
}

static void
hear(void)
{
	be_known();
	while (sem_wait(&sem) != 0)
		must(errno == EINTR);
}

MESSAGE_ROW(before, say, hear, nothing)
