/* mq_timedsend, mq_timedreceive: a message queue, until a time */
#include "row.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/stat.h>

static mqd_t queue;

static void
before(void)
{
	struct mq_attr size = {.mq_maxmsg = 2, .mq_msgsize = 8};
	char name[32];

	snprintf(name, sizeof name, "/row-%ld", (long)getpid());
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &size);
	must(queue != (mqd_t)-1);
	must(mq_unlink(name) == 0);
}

static void
say(void)
{
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);

	must(mq_timedsend(queue, "x", 1, 0, &until) == 0);
}

static void
hear(void)
{
	struct timespec until = IN_A_MINUTE(CLOCK_REALTIME);
	char message[8];

	must(
	    mq_timedreceive(queue, message, sizeof message, NULL, &until) == 1);
}

static void
after(void)
{
	must(mq_close(queue) == 0);
}

MESSAGE_ROW(before, say, hear, after)
