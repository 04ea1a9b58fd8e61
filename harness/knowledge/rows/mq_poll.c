/* mq_send, poll: a message queue, polled as a descriptor */
#include "row.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
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
	must(mq_send(queue, "x", 1, 0) == 0);
}

static void
hear(void)
{
	struct pollfd wait = {.fd = (int)queue, .events = POLLIN};

	must(poll(&wait, 1, -1) == 1);
}

static void
after(void)
{
	must(mq_close(queue) == 0);
}

MESSAGE_ROW(before, say, hear, after)
