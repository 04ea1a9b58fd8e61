/* mq_notify, sigwait: a message queue that sends a signal */
#include "row.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/stat.h>

static mqd_t queue;

static void
before(void)
{
	struct mq_attr size = {.mq_maxmsg = 2, .mq_msgsize = 8};
	struct sigevent how = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	sigset_t set;
	char name[32];

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
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
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(sigwait(&set, &got) == 0);
}

static void
after(void)
{
	must(mq_close(queue) == 0);
}

MESSAGE_ROW(before, say, hear, after)
