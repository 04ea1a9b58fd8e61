/*
 * Mutexes, condition variables, read-write locks and semaphores: delays only;
 * and what hand-over through a descriptor means to ThreadSanitizer.
 *
 * A delay stands before a lock is taken and after it is given back, never
 * between: that is where another thread can come in between two critical
 * sections, while a delay inside would only make everything slower. The
 * try functions, in perturb_locks.c, are not delayed.
 */
#include "perturb.h"

#include <sys/stat.h>
#include <sys/syscall.h>

int
pthread_mutex_lock(pthread_mutex_t *mutex)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_lock_wanted(mutex, SHIM_EXCLUSIVE, __builtin_return_address(0));
	err = real.pthread_mutex_lock(mutex);
	shim_mutex_taken(
	    mutex, err, SHIM_EXCLUSIVE, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_mutex_timedlock(
    pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	err = real.pthread_mutex_timedlock(mutex, until);
	shim_mutex_taken(mutex, err, SHIM_TRIED, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = real.pthread_mutex_unlock(mutex);
	if (!err)
		shim_lock_given(mutex);
	shim_delay();
	shim_leave();
	return err;
}

/*
 * The delay before a wait is where a signal gets lost that was not sent under
 * the mutex; the one after it where the condition has changed again.
 */
int
pthread_cond_wait(
    pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_wait_begins(mutex, __builtin_return_address(0));
	err = real.pthread_cond_wait(cond, mutex);
	shim_wait_ended(mutex, __builtin_return_address(0));
	shim_delay();
	shim_leave();
	return err;
}

int
pthread_cond_timedwait(pthread_cond_t *restrict cond,
    pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_wait_begins(mutex, __builtin_return_address(0));
	err = real.pthread_cond_timedwait(cond, mutex, until);
	shim_wait_ended(mutex, __builtin_return_address(0));
	shim_delay();
	shim_leave();
	return err;
}

int
pthread_cond_clockwait(pthread_cond_t *restrict cond,
    pthread_mutex_t *restrict mutex, clockid_t clock,
    const struct timespec *restrict until)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_wait_begins(mutex, __builtin_return_address(0));
	err = real.pthread_cond_clockwait(cond, mutex, clock, until);
	shim_wait_ended(mutex, __builtin_return_address(0));
	shim_delay();
	shim_leave();
	return err;
}

int
pthread_cond_signal(pthread_cond_t *cond)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	err = real.pthread_cond_signal(cond);
	shim_delay();
	shim_leave();
	return err;
}

int
pthread_cond_broadcast(pthread_cond_t *cond)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	err = real.pthread_cond_broadcast(cond);
	shim_delay();
	shim_leave();
	return err;
}

int
pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
	enum shim_how how = shim_how_of(lock, SHIM_SHARED);
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_lock_wanted(lock, how, __builtin_return_address(0));
	err = real.pthread_rwlock_rdlock(lock);
	if (!err)
		shim_lock_taken(lock, how, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
	enum shim_how how = shim_how_of(lock, SHIM_EXCLUSIVE);
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_lock_wanted(lock, how, __builtin_return_address(0));
	err = real.pthread_rwlock_wrlock(lock);
	if (!err)
		shim_lock_taken(lock, how, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = real.pthread_rwlock_unlock(lock);
	if (!err)
		shim_lock_given(lock);
	shim_delay();
	shim_leave();
	return err;
}

int
sem_wait(sem_t *sem)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	result = real.sem_wait(sem);
	shim_delay();
	shim_leave();
	return result;
}

int
sem_timedwait(sem_t *restrict sem, const struct timespec *restrict until)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	result = real.sem_timedwait(sem, until);
	shim_delay();
	shim_leave();
	return result;
}

int
sem_post(sem_t *sem)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	result = real.sem_post(sem);
	shim_delay();
	shim_leave();
	return result;
}

/* -- hand-over through descriptors ---------------------------------------- */

/*
 * The harness runs TSan with io_sync=0: by default it takes every transfer on
 * any socket as synchronisation, which hides nearly every race of a server.
 * But what is written before a byte into a pipe may be read after it came out.
 * That is said here, for descriptors that stay within a process: pipes, event
 * descriptors and sockets of AF_UNIX. TCP is not one of them.
 *
 * An edge goes by an address. Pipes have one by inode; all AF_UNIX sockets
 * share one, since the two ends have different inodes, and so do all nameless
 * inodes, since they are one inode. An edge too many can hide a race, one too
 * few accuses a correct program: the second is worse.
 */
enum { PIPE_EDGES = 256 };

static uint64_t pipe_edges[PIPE_EDGES];
static uint64_t unix_edge, nameless_edge, any_edge;

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

/* The address for a descriptor's edges, NULL where it makes none. */
static void *
edge_of(int fd)
{
	struct stat status;

	/* Not fstat: TSan would take it as a use of the descriptor. */
	if (syscall(SYS_fstat, fd, &status) != 0)
		return NULL;
	if (S_ISFIFO(status.st_mode))
		return &pipe_edges[status.st_ino % PIPE_EDGES];
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

	if (!config.tsan)
		return;
	edge = edge_of(fd);
	if (edge) {
		__tsan_release(edge);
		__tsan_release(&any_edge);
	}
	errno = saved;
}

/* After something came through fd. Keeps errno. */
void
shim_acquire_by(int fd)
{
	int saved = errno;
	void *edge;

	if (!config.tsan)
		return;
	edge = edge_of(fd);
	if (edge)
		__tsan_acquire(edge);
	errno = saved;
}

/* After a wait for many descriptors, where it costs too much to tell which. */
void
shim_acquire_by_any(void)
{
	if (config.tsan)
		__tsan_acquire(&any_edge);
}
