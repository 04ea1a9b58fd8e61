/*
 * Waiting for descriptors: a delay before, and what it means to the tools after.
 */
#include "perturb.h"

#include <limits.h>

/*
 * Seeing that a pipe is readable is a message, also where nobody reads it: one
 * byte that is left in a pipe tells all threads that poll it to stop.
 */
static void
polled(const struct pollfd *fds, nfds_t count, int ready)
{
	nfds_t i;

	shim_interrupted(ready);
	if (!config.watched || ready <= 0)
		return;
	for (i = 0; i < count; i++)
		if (fds[i].revents)
			shim_acquire_by(fds[i].fd);
}

/* The same where it costs too much to tell which descriptors are ready. */
static void
waited(int ready)
{
	shim_interrupted(ready);
	if (ready > 0)
		shim_acquire_by_any();
}

/* -- for the flight recorder ------------------------------------------------ */

/* The descriptor that is waited for; -1: none, or several. */
static int
first_of(const struct pollfd *fds, nfds_t count)
{
	return fds && count == 1 ? fds[0].fd : -1;
}

/* Nanoseconds; -1: for ever. */
static int64_t
from_ms(int ms)
{
	return ms < 0 ? -1 : (int64_t)ms * 1000000;
}

static int64_t
from_timeval(const struct timeval *time)
{
	return time ? (int64_t)time->tv_sec * 1000000000 + time->tv_usec * 1000
		    : -1;
}

/* -- the calls -------------------------------------------------------------- */

int
poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	int ready;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	ready = FLY(poll, first_of(fds, count), NULL, (int)count,
	    from_ms(timeout_ms), real.poll(fds, count, timeout_ms));
	polled(fds, count, ready);
	shim_leave();
	return ready;
}

int
ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
    const sigset_t *mask)
{
	int ready;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	ready = FLY(ppoll, first_of(fds, count), NULL, (int)count,
	    shim_ns(timeout), real.ppoll(fds, count, timeout, mask));
	polled(fds, count, ready);
	shim_leave();
	return ready;
}

int
select(int count, fd_set *restrict readable, fd_set *restrict writable,
    fd_set *restrict special, struct timeval *restrict timeout)
{
	int ready;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	ready = FLY(select, -1, NULL, count, from_timeval(timeout),
	    real.select(count, readable, writable, special, timeout));
	waited(ready);
	shim_leave();
	return ready;
}

int
pselect(int count, fd_set *restrict readable, fd_set *restrict writable,
    fd_set *restrict special, const struct timespec *restrict timeout,
    const sigset_t *restrict mask)
{
	int ready;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	ready = FLY(pselect, -1, NULL, count, shim_ns(timeout),
	    real.pselect(count, readable, writable, special, timeout, mask));
	waited(ready);
	shim_leave();
	return ready;
}

int
epoll_wait(int fd, struct epoll_event *events, int count, int timeout_ms)
{
	int ready;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	ready = FLY(epoll_wait, fd, NULL, count, from_ms(timeout_ms),
	    real.epoll_wait(fd, events, count, timeout_ms));
	waited(ready);
	if (ready > 0)
		shim_acquire_by_set(fd);
	shim_leave();
	return ready;
}

int
epoll_pwait(int fd, struct epoll_event *events, int count, int timeout_ms,
    const sigset_t *mask)
{
	int ready;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	ready = FLY(epoll_pwait, fd, NULL, count, from_ms(timeout_ms),
	    real.epoll_pwait(fd, events, count, timeout_ms, mask));
	waited(ready);
	if (ready > 0)
		shim_acquire_by_set(fd);
	shim_leave();
	return ready;
}

/* A time in milliseconds, none too short, as epoll_pwait takes it. */
static int
in_ms(const struct timespec *time)
{
	const long ns = 1000000;

	if (!time)
		return -1;
	if (time->tv_sec >= INT_MAX / 1000 - 1)
		return INT_MAX;
	return (int)(time->tv_sec * 1000 + (time->tv_nsec + ns - 1) / ns);
}

int
epoll_pwait2(int fd, struct epoll_event *events, int count,
    const struct timespec *timeout, const sigset_t *mask)
{
	int ready;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_flight_begins(SHIM_CALL_epoll_pwait2, fd, NULL, count,
	    shim_ns(timeout), __builtin_return_address(0));
	ready = real.epoll_pwait2(fd, events, count, timeout, mask);
	/* Valgrind 3.19 does not know the system call. */
	if (ready == -1 && errno == ENOSYS)
		ready =
		    real.epoll_pwait(fd, events, count, in_ms(timeout), mask);
	shim_flight_ends(ready);
	waited(ready);
	if (ready > 0)
		shim_acquire_by_set(fd);
	shim_leave();
	return ready;
}

int
epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_release_by_set(set);
	result = FLY(epoll_ctl, fd, NULL, operation, set,
	    real.epoll_ctl(set, operation, fd, event));
	shim_leave();
	return result;
}
