/*
 * What the shim tells the tools. ThreadSanitizer and Helgrind know what orders
 * two threads by standing before the C library's functions. Some they do not
 * stand before; and an option (io_sync=0) makes TSan ignore transfers through
 * descriptors. Both take an edge from us: what was done before a release of
 * an address comes before what is done after an acquire of the same address.
 *
 * An edge too many can hide a race, one too few accuses a correct program: the
 * second is worse. But where nobody in the process can be at the other end
 * the shim makes no edge.
 */
#include "perturb.h"

#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#if __has_include(<valgrind/helgrind.h>)
#include <valgrind/helgrind.h>
#else
/* No valgrind on this machine either, or one whose headers are apart. */
#define RUNNING_ON_VALGRIND                  0
#define ANNOTATE_HAPPENS_BEFORE(edge)        (void)(edge)
#define ANNOTATE_HAPPENS_AFTER(edge)         (void)(edge)
#define VALGRIND_HG_MUTEX_LOCK_POST(mutex)   (void)(mutex)
#define VALGRIND_HG_MUTEX_UNLOCK_PRE(mutex)  (void)(mutex)
#define VALGRIND_HG_MUTEX_UNLOCK_POST(mutex) (void)(mutex)
#endif

enum {
	PIPE_EDGES = 256,
	QUEUE_EDGES = 64, /* also of sets for epoll */
	SIGNAL_EDGES = 65,
	STANDARD = 3,
};

/* sanitizer/tsan_interface.h: a try lock; an unlock of all levels. */
enum { TSAN_TRY = 1 << 4, TSAN_ALL = 1 << 7 };

static uint64_t pipe_edges[PIPE_EDGES];
static uint64_t room_edges[PIPE_EDGES];
static uint64_t queue_edges[QUEUE_EDGES];
static uint64_t set_edges[QUEUE_EDGES];
static uint64_t signal_edges[SIGNAL_EDGES];
static uint64_t unix_edge, nameless_edge, any_edge;
static uint64_t any_signal_edge, unnamed_signal_edge;

/* What stdin, stdout and stderr were at the start: their inodes, else 0. */
static ino_t inherited[STANDARD];

/* -- edges ----------------------------------------------------------------- */

void
shim_release(void *edge)
{
	if (config.tsan)
		__tsan_release(edge);
	else if (config.valgrind)
		ANNOTATE_HAPPENS_BEFORE(edge);
}

void
shim_acquire(void *edge)
{
	if (config.tsan)
		__tsan_acquire(edge);
	else if (config.valgrind)
		ANNOTATE_HAPPENS_AFTER(edge);
}

/* -- descriptors ----------------------------------------------------------- */

/* The status of what fd leads to; false: there is none. errno is not kept. */
static bool
status_of(int fd, struct stat *status)
{
	/* Not fstat: TSan would take it as a use of the descriptor. */
	return syscall(SYS_fstat, fd, status) == 0;
}

/* Is there a tool, and which pipes came from outside? Before any thread. */
void
shim_tell_set_up(void)
{
	struct stat status;
	int fd;

	config.valgrind = RUNNING_ON_VALGRIND != 0;
	config.watched = config.tsan || config.valgrind;
	for (fd = 0; fd < STANDARD; fd++)
		if (status_of(fd, &status) && S_ISFIFO(status.st_mode))
			inherited[fd] = status.st_ino;
}

/*
 * A pipe that was there at the start leads out of the process: without this,
 * each line on stdout would order its thread before all that wait for
 * descriptors.
 */
static bool
leads_out(ino_t inode)
{
	int fd;

	for (fd = 0; fd < STANDARD; fd++)
		if (inherited[fd] == inode)
			return true;
	return false;
}

/* Is it a socket of AF_UNIX? errno is the caller's to keep. */
static bool
is_unix_socket(int fd)
{
	int domain = 0;
	socklen_t len = sizeof domain;

	return syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain,
		   &len) == 0 &&
	    domain == AF_UNIX;
}

/*
 * The address for a descriptor's edges, NULL where it makes none: those that
 * stay within a process are pipes, sockets of AF_UNIX, and event, timer and
 * signal descriptors. TCP is not one of them. Pipes have an edge by inode; all
 * AF_UNIX sockets share one, since the two ends have different inodes, and so
 * do all nameless inodes, since they are one inode.
 */
static void *
edge_of(int fd, bool hears)
{
	struct stat status;

	if (!status_of(fd, &status))
		return NULL;
	if (S_ISFIFO(status.st_mode) && !leads_out(status.st_ino))
		return &pipe_edges[status.st_ino % PIPE_EDGES];
	/* One that is waited for by poll, too, may be a message queue. */
	if (hears && S_ISREG(status.st_mode))
		return &queue_edges[status.st_ino % QUEUE_EDGES];
	if (S_ISSOCK(status.st_mode))
		return is_unix_socket(fd) ? &unix_edge : NULL;
	return (status.st_mode & S_IFMT) == 0 ? &nameless_edge : NULL;
}

/* Before something is sent through fd, or it is closed. Keeps errno. */
void
shim_release_by(int fd)
{
	int saved = errno;
	void *edge;

	if (!config.watched)
		return;
	edge = edge_of(fd, false);
	if (edge) {
		shim_release(edge);
		shim_release(&any_edge);
	}
	errno = saved;
}

/* After something came through fd. Keeps errno. */
void
shim_acquire_by(int fd)
{
	int saved = errno;
	void *edge;

	if (!config.watched)
		return;
	edge = edge_of(fd, true);
	if (edge)
		shim_acquire(edge);
	errno = saved;
}

/* After a wait for many descriptors, where it costs too much to tell which. */
void
shim_acquire_by_any(void)
{
	shim_acquire(&any_edge);
}

/* -- room in a pipe -------------------------------------------------------- */

/* Pipes that have been full; what is written into one waits for a reader. */
static atomic_bool was_full[PIPE_EDGES];

/* The number of a pipe of this process's own, -1: it is none. */
static int
pipe_of(int fd)
{
	struct stat status;

	if (!config.watched || !status_of(fd, &status) ||
	    !S_ISFIFO(status.st_mode) || leads_out(status.st_ino))
		return -1;
	return (int)(status.st_ino % PIPE_EDGES);
}

/* Before something is read through fd, which makes room. Keeps errno. */
void
shim_release_room(int fd)
{
	int saved = errno, pipe = pipe_of(fd);

	if (pipe >= 0)
		shim_release(&room_edges[pipe]);
	errno = saved;
}

/*
 * After len bytes were to be written through fd: somebody may have made room
 * for them. Not so in a pipe that was never full, as one to wake a thread by:
 * there it would order each writer after all readers. Keeps errno.
 */
void
shim_acquire_room(int fd, size_t len)
{
	struct pollfd end = {.fd = fd, .events = POLLOUT};
	struct timespec now = {0, 0};
	int saved = errno, pipe = pipe_of(fd);

	if (pipe >= 0) {
		if (len > PIPE_BUF || atomic_load(&was_full[pipe]))
			shim_acquire(&room_edges[pipe]);
		if (syscall(SYS_ppoll, &end, 1, &now, NULL, 0) == 0)
			atomic_store(&was_full[pipe], true);
	}
	errno = saved;
}

/* -- all, and sets --------------------------------------------------------- */

/* Before the streams of all pipes are flushed. */
void
shim_release_by_all(void)
{
	size_t i;

	if (!config.watched)
		return;
	for (i = 0; i < PIPE_EDGES; i++)
		shim_release(&pipe_edges[i]);
	shim_release(&unix_edge);
	shim_release(&nameless_edge);
	shim_release(&any_edge);
}

/*
 * A set of descriptors for epoll is a message itself, whatever is in it: a
 * thread that waits for it gets what was given with the descriptor.
 */
void
shim_release_by_set(int set)
{
	if (config.watched && set >= 0)
		shim_release(&set_edges[set % QUEUE_EDGES]);
}

void
shim_acquire_by_set(int set)
{
	if (config.watched && set >= 0)
		shim_acquire(&set_edges[set % QUEUE_EDGES]);
}

/*
 * The edge of a descriptor that has a file's inode: a message queue, or a file
 * that is locked.
 */
static void *
edge_by_inode(int fd)
{
	struct stat status;

	if (!status_of(fd, &status))
		return NULL;
	return &queue_edges[status.st_ino % QUEUE_EDGES];
}

/* Before a message goes into a queue, or a file's lock is given back. */
void
shim_release_by_queue(int fd)
{
	int saved = errno;
	void *edge;

	if (!config.watched)
		return;
	edge = edge_by_inode(fd);
	if (edge) {
		shim_release(edge);
		shim_release(&any_edge);
	}
	errno = saved;
}

/* After a message came out of a queue, or a file is locked. */
void
shim_acquire_by_queue(int fd)
{
	int saved = errno;
	void *edge;

	if (!config.watched)
		return;
	edge = edge_by_inode(fd);
	if (edge)
		shim_acquire(edge);
	errno = saved;
}

/* -- signals --------------------------------------------------------------- */

/*
 * Before a signal is sent, 0 where it is not known which. It may be taken by
 * sigwait, out of a signalfd, or by a handler that interrupts a call.
 */
void
shim_release_by_signal(int number)
{
	if (!config.watched)
		return;
	if (number > 0 && number < SIGNAL_EDGES)
		shim_release(&signal_edges[number]);
	else
		shim_release(&unnamed_signal_edge);
	shim_release(&any_signal_edge);
	shim_release(&nameless_edge);
	shim_release(&any_edge);
}

/* After a signal was waited for. */
void
shim_acquire_by_signal(int number)
{
	if (!config.watched || number <= 0 || number >= SIGNAL_EDGES)
		return;
	shim_acquire(&signal_edges[number]);
	shim_acquire(&unnamed_signal_edge);
}

/*
 * After a wait for a semaphore: a handler in the same thread may have posted
 * it, and the signal says that something is done.
 */
void
shim_acquire_by_handler(void)
{
	shim_acquire(&any_signal_edge);
}

/*
 * After a call that returned -1 and EINTR if a signal has ended it. TSan runs
 * a program's handlers when the program enters one of its interceptors that
 * wait; of the other calls (select, mq_receive) the program would come back
 * before its handler. So one is entered.
 */
void
shim_interrupted(long result)
{
	if (!config.watched || result != -1 || errno != EINTR)
		return;
	if (config.tsan_in_front)
		poll(NULL, 0, 0);
	else if (config.tsan)
		real.poll(NULL, 0, 0);
	errno = EINTR;
	shim_acquire(&any_signal_edge);
}

/* -- locks ----------------------------------------------------------------- */

/* The calling thread has the mutex, and the tool has not seen it. */
void
shim_tell_locked(pthread_mutex_t *mutex)
{
	if (config.tsan && __tsan_mutex_pre_lock && __tsan_mutex_post_lock) {
		__tsan_mutex_pre_lock(mutex, TSAN_TRY);
		__tsan_mutex_post_lock(mutex, TSAN_TRY, 0);
	} else if (config.valgrind) {
		VALGRIND_HG_MUTEX_LOCK_POST(mutex);
	}
}

/* The calling thread ends, and the kernel gives back the mutex it holds. */
void
shim_tell_orphaned(pthread_mutex_t *mutex)
{
	if (config.tsan && __tsan_mutex_pre_unlock &&
	    __tsan_mutex_post_unlock) {
		__tsan_mutex_pre_unlock(mutex, TSAN_ALL);
		__tsan_mutex_post_unlock(mutex, TSAN_ALL);
	} else if (config.valgrind) {
		VALGRIND_HG_MUTEX_UNLOCK_PRE(mutex);
		VALGRIND_HG_MUTEX_UNLOCK_POST(mutex);
	}
}
