/*
 * Hand-over by event and timer descriptors, message queues, and calls that
 * move bytes without a buffer of the program's: what it means to the tools.
 * Also locks on whole files, which exclude threads that have opened the file
 * each for itself. No delays but those of a plain read or write.
 */
#include "perturb.h"

/* -- event and timer descriptors ------------------------------------------- */

int
eventfd_read(int fd, eventfd_t *value)
{
	int result;

	shim_enter(__builtin_return_address(0));
	result =
	    FLY(eventfd_read, fd, NULL, 0, 8, real.eventfd_read(fd, value));
	shim_interrupted(result);
	if (result == 0)
		shim_acquire_by(fd);
	shim_delay();
	shim_leave();
	return result;
}

int
eventfd_write(int fd, eventfd_t value)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_release_by(fd);
	result =
	    FLY(eventfd_write, fd, NULL, 0, 8, real.eventfd_write(fd, value));
	shim_interrupted(result);
	shim_leave();
	return result;
}

/* Who reads of its expiration reads what was before it was set. */
int
timerfd_settime(
    int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_flight_timer();
	shim_release_by(fd);
	result = real.timerfd_settime(fd, flags, new, old);
	shim_leave();
	return result;
}

/* -- message queues -------------------------------------------------------- */

/* A message may also be told by a signal: see mq_notify(3). */
static void
sending_message(mqd_t queue)
{
	shim_delay();
	shim_release_by_queue(queue);
	shim_release_by_signal(0);
}

static void
received_message(mqd_t queue, ssize_t got)
{
	shim_interrupted(got);
	if (got >= 0)
		shim_acquire_by_queue(queue);
	shim_delay();
}

int
mq_send(mqd_t queue, const char *message, size_t len, unsigned priority)
{
	int result;

	shim_enter(__builtin_return_address(0));
	sending_message(queue);
	result = FLY(mq_send, queue, NULL, 0, -1,
	    real.mq_send(queue, message, len, priority));
	shim_interrupted(result);
	shim_leave();
	return result;
}

int
mq_timedsend(mqd_t queue, const char *message, size_t len, unsigned priority,
    const struct timespec *until)
{
	int result;

	shim_enter(__builtin_return_address(0));
	sending_message(queue);
	result = FLY(mq_timedsend, queue, NULL, CLOCK_REALTIME,
	    shim_ns_until(CLOCK_REALTIME, until),
	    real.mq_timedsend(queue, message, len, priority, until));
	shim_interrupted(result);
	shim_leave();
	return result;
}

ssize_t
mq_receive(mqd_t queue, char *message, size_t len, unsigned *priority)
{
	ssize_t got;

	shim_enter(__builtin_return_address(0));
	got = FLY(mq_receive, queue, NULL, 0, -1,
	    real.mq_receive(queue, message, len, priority));
	received_message(queue, got);
	shim_leave();
	return got;
}

ssize_t
mq_timedreceive(mqd_t queue, char *restrict message, size_t len,
    unsigned *restrict priority, const struct timespec *restrict until)
{
	ssize_t got;

	shim_enter(__builtin_return_address(0));
	got = FLY(mq_timedreceive, queue, NULL, CLOCK_REALTIME,
	    shim_ns_until(CLOCK_REALTIME, until),
	    real.mq_timedreceive(queue, message, len, priority, until));
	received_message(queue, got);
	shim_leave();
	return got;
}

/* -- from descriptor to descriptor ----------------------------------------- */

ssize_t
splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t len,
    unsigned flags)
{
	ssize_t moved;

	shim_enter(__builtin_return_address(0));
	shim_release_by(to);
	moved = FLY(splice, from, NULL, to, len,
	    real.splice(from, from_at, to, to_at, len, flags));
	shim_interrupted(moved);
	if (moved >= 0)
		shim_acquire_by(from);
	shim_leave();
	return moved;
}

ssize_t
tee(int from, int to, size_t len, unsigned flags)
{
	ssize_t moved;

	shim_enter(__builtin_return_address(0));
	shim_release_by(to);
	moved = FLY(tee, from, NULL, to, len, real.tee(from, to, len, flags));
	shim_interrupted(moved);
	if (moved >= 0)
		shim_acquire_by(from);
	shim_leave();
	return moved;
}

/* Either into a pipe or out of it. */
ssize_t
vmsplice(int fd, const struct iovec *vector, size_t count, unsigned flags)
{
	ssize_t moved;

	shim_enter(__builtin_return_address(0));
	shim_release_by(fd);
	moved = FLY(
	    vmsplice, fd, NULL, 0, -1, real.vmsplice(fd, vector, count, flags));
	shim_interrupted(moved);
	if (moved >= 0)
		shim_acquire_by(fd);
	shim_leave();
	return moved;
}

ssize_t
sendfile(int to, int from, off_t *from_at, size_t len)
{
	ssize_t moved;

	shim_enter(__builtin_return_address(0));
	shim_release_by(to);
	moved = FLY(sendfile, to, NULL, from, len,
	    real.sendfile(to, from, from_at, len));
	shim_interrupted(moved);
	if (moved >= 0)
		shim_acquire_by(from);
	shim_leave();
	return moved;
}

/* -- sockets --------------------------------------------------------------- */

int
recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
    struct timespec *timeout)
{
	int got;

	shim_enter(__builtin_return_address(0));
	got = FLY(recvmmsg, fd, NULL, flags, -1,
	    real.recvmmsg(fd, messages, count, flags, timeout));
	shim_interrupted(got);
	if (got >= 0)
		shim_acquire_by(fd);
	shim_leave();
	return got;
}

int
sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	int sent;

	shim_enter(__builtin_return_address(0));
	shim_release_by(fd);
	sent = FLY(sendmmsg, fd, NULL, flags, -1,
	    real.sendmmsg(fd, messages, count, flags));
	shim_interrupted(sent);
	shim_leave();
	return sent;
}

/* Whoever accepts it, if that is a thread of the same process, has heard. */
int
connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_release_by(fd);
	result = FLY(connect, fd, NULL, 0, -1, real.connect(fd, address, len));
	shim_interrupted(result);
	shim_leave();
	return result;
}

/* -- locks on files -------------------------------------------------------- */

int
flock(int fd, int operation)
{
	int result;

	shim_enter(__builtin_return_address(0));
	if (operation & LOCK_UN)
		shim_release_by_queue(fd);
	result = FLY(flock, fd, NULL, operation, -1, real.flock(fd, operation));
	shim_interrupted(result);
	if (result == 0 && !(operation & LOCK_UN))
		shim_acquire_by_queue(fd);
	shim_leave();
	return result;
}
