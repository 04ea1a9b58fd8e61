/*
 * Calls that are wrapped for the flight recorder's sake alone: see
 * perturb_flight.c. Nothing is delayed, told or changed.
 */
#include "perturb.h"

/* clang-format off */

/* A function that is recorded and no more: its type, name, parameters; what
 * the record has of it; its arguments. */
#define RECORDED(type, name, parameters, fd, object, detail, asked, arguments) \
	type name parameters                                                   \
	{                                                                      \
		type result;                                                   \
                                                                               \
		shim_enter(__builtin_return_address(0));                       \
		result = FLY(name, fd, object, detail, asked,                  \
		    real.name arguments);                                      \
		shim_leave();                                                  \
		return result;                                                 \
	}

/* The same where the result is an error number. */
#define RECORDED_ERR(name, parameters, object, detail, arguments)              \
	int name parameters                                                    \
	{                                                                      \
		int err;                                                       \
                                                                               \
		shim_enter(__builtin_return_address(0));                       \
		err = FLY_ERR(name, object, detail, 0, real.name arguments);   \
		shim_leave();                                                  \
		return err;                                                    \
	}

/* -- sockets ---------------------------------------------------------------- */

RECORDED(int, socket, (int domain, int type, int protocol),
    -1, NULL, type, domain, (domain, type, protocol))
RECORDED(int, bind, (int fd, __CONST_SOCKADDR_ARG address, socklen_t len),
    fd, NULL, 0, len, (fd, address, len))
RECORDED(int, listen, (int fd, int backlog),
    fd, NULL, backlog, 0, (fd, backlog))
RECORDED(int, getpeername,
    (int fd, __SOCKADDR_ARG address, socklen_t *restrict len),
    fd, NULL, 0, 0, (fd, address, len))
RECORDED(int, getsockname,
    (int fd, __SOCKADDR_ARG address, socklen_t *restrict len),
    fd, NULL, 0, 0, (fd, address, len))
RECORDED(int, getsockopt, (int fd, int level, int option,
    void *restrict value, socklen_t *restrict len),
    fd, NULL, option, level, (fd, level, option, value, len))

/* -- files ------------------------------------------------------------------ */

RECORDED(int, rename, (const char *from, const char *to),
    -1, NULL, 0, 0, (from, to))
RECORDED(int, unlink, (const char *path), -1, NULL, 0, 0, (path))
RECORDED(int, ftruncate, (int fd, off_t len), fd, NULL, 0, len, (fd, len))
RECORDED(off_t, lseek, (int fd, off_t to, int whence),
    fd, NULL, whence, to, (fd, to, whence))

/* -- locks and conditions --------------------------------------------------- */

RECORDED(int, sem_init, (sem_t *sem, int shared, unsigned value),
    -1, sem, 0, value, (sem, shared, value))
RECORDED(int, sem_destroy, (sem_t *sem), -1, sem, 0, 0, (sem))
RECORDED_ERR(pthread_cond_init, (pthread_cond_t *restrict cond,
    const pthread_condattr_t *restrict attr), cond, 0, (cond, attr))

/* -- signals and threads ---------------------------------------------------- */

RECORDED_ERR(pthread_cancel, (pthread_t thread), (void *)thread, 0, (thread))
/* clang-format on */

int
pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(
	    pthread_sigmask, NULL, how, 0, real.pthread_sigmask(how, set, old));
	shim_mask_changed();
	shim_leave();
	return err;
}

int
sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	int result;

	shim_enter(__builtin_return_address(0));
	result =
	    FLY(sigprocmask, -1, NULL, how, 0, real.sigprocmask(how, set, old));
	shim_mask_changed();
	shim_leave();
	return result;
}

/* The thread's last call, but for those of its cleanup handlers. */
void
pthread_exit(void *value)
{
	shim_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_pthread_exit, -1, NULL, 0, 0,
	    __builtin_return_address(0));
	shim_flight_ended(0, 0);
	shim_leave();
	real.pthread_exit(value);
	abort();
}

/* With SO_RCVTIMEO and its like a plain recv has a time-out. */
int
setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	int result;

	shim_enter(__builtin_return_address(0));
	if (level == SOL_SOCKET &&
	    (option == SO_RCVTIMEO_OLD || option == SO_RCVTIMEO_NEW ||
		option == SO_SNDTIMEO_OLD || option == SO_SNDTIMEO_NEW))
		shim_flight_timer();
	result = FLY(setsockopt, fd, NULL, option, level,
	    real.setsockopt(fd, level, option, value, len));
	shim_leave();
	return result;
}

/* -- two descriptors at once ------------------------------------------------ */

static void
opened_both(int result, const int ends[2], enum shim_call call, void *caller)
{
	if (result == 0) {
		shim_flight_opened(ends[0], call, caller);
		shim_flight_opened(ends[1], call, caller);
	}
}

int
pipe(int ends[2])
{
	int result;

	shim_enter(__builtin_return_address(0));
	result = FLY(pipe, -1, NULL, 0, 0, real.pipe(ends));
	opened_both(result, ends, SHIM_CALL_pipe, __builtin_return_address(0));
	shim_leave();
	return result;
}

int
pipe2(int ends[2], int flags)
{
	int result;

	shim_enter(__builtin_return_address(0));
	result = FLY(pipe2, -1, NULL, flags, 0, real.pipe2(ends, flags));
	opened_both(result, ends, SHIM_CALL_pipe2, __builtin_return_address(0));
	shim_leave();
	return result;
}

int
socketpair(int domain, int type, int protocol, int ends[2])
{
	int result;

	shim_enter(__builtin_return_address(0));
	result = FLY(socketpair, -1, NULL, type, domain,
	    real.socketpair(domain, type, protocol, ends));
	opened_both(
	    result, ends, SHIM_CALL_socketpair, __builtin_return_address(0));
	shim_leave();
	return result;
}
