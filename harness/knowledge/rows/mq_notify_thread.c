/* mq_notify, SIGEV_THREAD: a message queue that starts a thread */
#include "row.h"

#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/stat.h>

static mqd_t queue;
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
	struct mq_attr size = {.mq_maxmsg = 2, .mq_msgsize = 8};
	struct sigevent how = {
	    .sigev_notify = SIGEV_THREAD, .sigev_notify_function = started};
	char name[32];

	must(sem_init(&sem, 0, 0) == 0);
	snprintf(name, sizeof name, "/row-%ld", (long)getpid());
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &size);
	must(queue != (mqd_t)-1);
	must(mq_unlink(name) == 0);
	must(mq_notify(queue, &how) == 0);
}

static void
say(void)
{
	must(mq_send(queue, "x", 1, 0) == 0);
}

static void
hear(void)
{
	must(sem_wait(&sem) == 0);
}

static void
after(void)
{
	must(mq_close(queue) == 0);
}

MESSAGE_ROW(before, say, hear, after)
