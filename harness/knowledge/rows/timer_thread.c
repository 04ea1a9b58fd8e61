/* timer_settime, SIGEV_THREAD: a timer that starts a thread */
#include "row.h"

#include <semaphore.h>
#include <signal.h>

static timer_t timer;
static sem_t sem;

static void
started(union sigval unused)
{
	(void)unused;
	must(sem_post(&sem) == 0);
}

static void
before(void)
{
	struct sigevent how = {
	    .sigev_notify = SIGEV_THREAD, .sigev_notify_function = started};

	must(sem_init(&sem, 0, 0) == 0);
	must(timer_create(CLOCK_MONOTONIC, &how, &timer) == 0);
}

static void
say(void)
{
	struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};

	must(timer_settime(timer, 0, &soon, NULL) == 0);
}

static void
hear(void)
{
	must(sem_wait(&sem) == 0);
}

static void
after(void)
{
	must(timer_delete(timer) == 0);
}

MESSAGE_ROW(before, say, hear, after)
