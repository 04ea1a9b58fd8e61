/*
 * Descriptors: delays, short transfers, uses of descriptors that are closed.
 *
 * The delay stands after what receives (another thread may now do what this
 * one has just seen the reason for) and before what sends.
 */
#include "perturb.h"

#include <limits.h>
#include <sys/syscall.h>

/*
 * Which numbers accept has ever given out, a bit each. The kernel's own limit
 * is 2^20 unless an administrator raised fs.nr_open: what is beyond is simply
 * not watched.
 */
enum { WATCHED_FDS = 1 << 20, BITS = 64 };

static _Atomic uint64_t accepted_bits[WATCHED_FDS / BITS];

/* -- uses of closed descriptors -------------------------------------------- */

static void
note_accepted(int fd)
{
	if (fd < 0)
		return;
	shim_count(&stats->accepted);
	if (fd < WATCHED_FDS)
		atomic_fetch_or(
		    &accepted_bits[fd / BITS], UINT64_C(1) << (fd % BITS));
}

/* Has accept ever given out this number? */
static bool
was_accepted(int fd)
{
	return fd >= 0 && fd < WATCHED_FDS &&
	    (accepted_bits[fd / BITS] >> (fd % BITS) & 1);
}

/*
 * Did a call fail because its descriptor, once accepted, is closed? Only a
 * close can have made that number bad, whether we saw it or (fclose) not; and
 * a number that was given out again is not bad.
 */
static bool
is_stale(int fd, ssize_t result)
{
	return result == -1 && errno == EBADF && was_accepted(fd);
}

static void
note_use(int fd, ssize_t result)
{
	if (is_stale(fd, result))
		shim_count(&stats->stale_uses);
}

/* -- short transfers ------------------------------------------------------- */

/* A datagram cut short would lose its rest: only streams can be. */
static bool
is_stream_socket(int fd)
{
	int type = 0, saved = errno;
	socklen_t len = sizeof type;
	bool stream;

	stream = syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type,
		     &len) == 0 &&
	    type == SOCK_STREAM;
	errno = saved;
	return stream;
}

/*
 * How many of len bytes a call may move: all of them, or fewer by a random
 * choice. MSG_WAITALL promises all; a program that gets too little by MSG_PEEK
 * would peek again for ever; urgent and error data are no stream.
 */
static size_t
shorten(int fd, size_t len, int flags)
{
	const int whole = MSG_WAITALL | MSG_PEEK | MSG_OOB | MSG_ERRQUEUE;
	uint64_t most;

	if (!config.short_max || len <= 1 || (flags & whole) ||
	    !is_stream_socket(fd))
		return len;
	most = 1 + shim_random() % config.short_max;
	if (most >= len)
		return len;
	shim_count(&stats->shortened);
	return (size_t)most;
}

/*
 * The same for a vector of buffers. Where it is to be short, `one` becomes a
 * beginning of its first buffer that isn't empty, and true is returned.
 */
static bool
shorten_vector(int fd, const struct iovec *vector, size_t count, int flags,
    struct iovec *one)
{
	size_t i, first = count, total = 0, most;

	if (!config.short_max || count > IOV_MAX)
		return false;
	for (i = 0; i < count; i++) {
		if (vector[i].iov_len > SSIZE_MAX - total)
			return false;
		total += vector[i].iov_len;
		if (first == count && vector[i].iov_len > 0)
			first = i;
	}
	most = shorten(fd, total, flags);
	if (most >= total)
		return false;
	*one = vector[first];
	if (most < one->iov_len)
		one->iov_len = most;
	return true;
}

/* -- receiving ------------------------------------------------------------- */

/* What every receiving call ends with. */
static void
received(int fd, ssize_t got)
{
	note_use(fd, got);
	shim_interrupted(got);
	if (got >= 0)
		shim_acquire_by(fd);
	shim_delay();
}

ssize_t
read(int fd, void *buf, size_t len)
{
	ssize_t got;

	shim_enter(__builtin_return_address(0));
	shim_release_room(fd);
	got = FLY(
	    read, fd, NULL, 0, len, real.read(fd, buf, shorten(fd, len, 0)));
	received(fd, got);
	shim_leave();
	return got;
}

ssize_t
readv(int fd, const struct iovec *vector, int count)
{
	struct iovec one;
	ssize_t got;

	shim_enter(__builtin_return_address(0));
	shim_release_room(fd);
	if (count > 0 && shorten_vector(fd, vector, (size_t)count, 0, &one))
		got = FLY(readv, fd, NULL, count, one.iov_len,
		    real.readv(fd, &one, 1));
	else
		got = FLY(
		    readv, fd, NULL, count, -1, real.readv(fd, vector, count));
	received(fd, got);
	shim_leave();
	return got;
}

ssize_t
recv(int fd, void *buf, size_t len, int flags)
{
	ssize_t got;

	shim_enter(__builtin_return_address(0));
	got = FLY(recv, fd, NULL, flags, len,
	    real.recv(fd, buf, shorten(fd, len, flags), flags));
	received(fd, got);
	shim_leave();
	return got;
}

ssize_t
recvfrom(int fd, void *restrict buf, size_t len, int flags, __SOCKADDR_ARG from,
    socklen_t *restrict from_len)
{
	ssize_t got;

	shim_enter(__builtin_return_address(0));
	got = FLY(recvfrom, fd, NULL, flags, len,
	    real.recvfrom(
		fd, buf, shorten(fd, len, flags), flags, from, from_len));
	received(fd, got);
	shim_leave();
	return got;
}

/* recvmsg into a beginning of the message's buffers. */
static ssize_t
recvmsg_one(int fd, struct msghdr *message, int flags, struct iovec *one)
{
	struct msghdr copy = *message;
	ssize_t got;

	copy.msg_iov = one;
	copy.msg_iovlen = 1;
	got = real.recvmsg(fd, &copy, flags);
	message->msg_namelen = copy.msg_namelen;
	message->msg_controllen = copy.msg_controllen;
	message->msg_flags = copy.msg_flags;
	return got;
}

ssize_t
recvmsg(int fd, struct msghdr *message, int flags)
{
	struct iovec one;
	ssize_t got;

	shim_enter(__builtin_return_address(0));
	if (shorten_vector(
		fd, message->msg_iov, message->msg_iovlen, flags, &one))
		got = FLY(recvmsg, fd, NULL, flags, one.iov_len,
		    recvmsg_one(fd, message, flags, &one));
	else
		got = FLY(recvmsg, fd, NULL, flags, -1,
		    real.recvmsg(fd, message, flags));
	received(fd, got);
	shim_leave();
	return got;
}

/* -- sending --------------------------------------------------------------- */

/* What every sending call begins with. */
static void
sending(int fd)
{
	shim_delay();
	shim_release_by(fd);
}

/* What it ends with. */
static void
sent_by(int fd, ssize_t sent)
{
	note_use(fd, sent);
	shim_interrupted(sent);
}

ssize_t
write(int fd, const void *buf, size_t len)
{
	ssize_t sent;

	shim_enter(__builtin_return_address(0));
	sending(fd);
	sent = FLY(
	    write, fd, NULL, 0, len, real.write(fd, buf, shorten(fd, len, 0)));
	sent_by(fd, sent);
	if (sent > 0)
		shim_acquire_room(fd, len);
	shim_leave();
	return sent;
}

ssize_t
writev(int fd, const struct iovec *vector, int count)
{
	struct iovec one;
	ssize_t sent;

	shim_enter(__builtin_return_address(0));
	sending(fd);
	if (count > 0 && shorten_vector(fd, vector, (size_t)count, 0, &one))
		sent = FLY(writev, fd, NULL, count, one.iov_len,
		    real.writev(fd, &one, 1));
	else
		sent = FLY(writev, fd, NULL, count, -1,
		    real.writev(fd, vector, count));
	sent_by(fd, sent);
	if (sent > 0)
		shim_acquire_room(fd, (size_t)sent);
	shim_leave();
	return sent;
}

ssize_t
send(int fd, const void *buf, size_t len, int flags)
{
	ssize_t sent;

	shim_enter(__builtin_return_address(0));
	sending(fd);
	sent = FLY(send, fd, NULL, flags, len,
	    real.send(fd, buf, shorten(fd, len, flags), flags));
	sent_by(fd, sent);
	shim_leave();
	return sent;
}

ssize_t
sendto(int fd, const void *buf, size_t len, int flags, __CONST_SOCKADDR_ARG to,
    socklen_t to_len)
{
	ssize_t sent;

	shim_enter(__builtin_return_address(0));
	sending(fd);
	sent = FLY(sendto, fd, NULL, flags, len,
	    real.sendto(fd, buf, shorten(fd, len, flags), flags, to, to_len));
	sent_by(fd, sent);
	shim_leave();
	return sent;
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct msghdr copy = *message;
	struct iovec one;
	ssize_t sent;

	shim_enter(__builtin_return_address(0));
	sending(fd);
	if (shorten_vector(
		fd, message->msg_iov, message->msg_iovlen, flags, &one)) {
		copy.msg_iov = &one;
		copy.msg_iovlen = 1;
		sent = FLY(sendmsg, fd, NULL, flags, one.iov_len,
		    real.sendmsg(fd, &copy, flags));
	} else {
		sent = FLY(sendmsg, fd, NULL, flags, -1,
		    real.sendmsg(fd, message, flags));
	}
	sent_by(fd, sent);
	shim_leave();
	return sent;
}

/* -- connections ----------------------------------------------------------- */

/* A connection is a message, too: see edge_of for those that are one here. */
static void
accepted_by(int fd, int accepted)
{
	shim_interrupted(accepted);
	if (accepted >= 0)
		shim_acquire_by(fd);
}

int
accept(int fd, __SOCKADDR_ARG address, socklen_t *restrict len)
{
	int accepted;

	shim_enter(__builtin_return_address(0));
	shim_delay(); /* whatever was looked at before may have changed */
	accepted = FLY(accept, fd, NULL, 0, -1, real.accept(fd, address, len));
	note_accepted(accepted);
	accepted_by(fd, accepted);
	shim_delay();
	shim_leave();
	return accepted;
}

int
accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict len, int flags)
{
	int accepted;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	accepted = FLY(accept4, fd, NULL, flags, -1,
	    real.accept4(fd, address, len, flags));
	note_accepted(accepted);
	accepted_by(fd, accepted);
	shim_delay();
	shim_leave();
	return accepted;
}

/*
 * Is this number open for nobody, and no connection's that was? A program that
 * closes all numbers up to its limit is not to be delayed at each of them.
 */
static bool
is_unused(int fd)
{
	int saved = errno;
	bool unused;

	if (was_accepted(fd))
		return false;
	unused = syscall(SYS_fcntl, fd, F_GETFD) == -1;
	errno = saved;
	return unused;
}

/* Closing a pipe ends what its reader waits for, so it is a message too. */
int
close(int fd)
{
	bool slow;
	int result;

	shim_enter(__builtin_return_address(0));
	if (is_unused(fd)) {
		result = FLY(close, fd, NULL, 0, 0, real.close(fd));
		shim_leave();
		return result;
	}
	sending(fd);
	slow = config.close_us > 0 && was_accepted(fd) && is_stream_socket(fd);
	if (!shim_closes_log(fd, &result))
		result = FLY(close, fd, NULL, 0, 0, real.close(fd));
	note_use(fd, result);
	if (is_stale(fd, result))
		shim_count(&stats->double_closes);
	if (slow)
		shim_slow_close();
	shim_delay();
	shim_leave();
	return result;
}

int
shutdown(int fd, int how)
{
	int result;

	shim_enter(__builtin_return_address(0));
	sending(fd);
	result = FLY(shutdown, fd, NULL, how, 0, real.shutdown(fd, how));
	note_use(fd, result);
	shim_delay();
	shim_leave();
	return result;
}
