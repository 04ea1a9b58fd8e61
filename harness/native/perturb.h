/*
 * What the parts of the perturbation shim share; perturb.c says what it is.
 *
 * Every wrapper has the same form:
 *
 *	shim_enter(__builtin_return_address(0));
 *	... the real function, with shim_delay() before it or after ...
 *	shim_leave();
 *
 * Rules for all of them: errno is what the real function left; no lock is
 * held while it runs, since a signal handler may interrupt a wrapper and call
 * another; nothing in a wrapper is a cancellation point but the real function.
 */
#ifndef PERTURB_H
#define PERTURB_H

/* Ubuntu's gcc fortifies by default: then read() and others are inline. */
#undef _FORTIFY_SOURCE
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <threads.h>
#include <unistd.h>

/* The functions that are wrapped, as X(name) for each. */
/* clang-format off */
#define SHIM_FUNCTIONS(X)                                                      \
	X(syscall) X(closefrom) X(close_range) X(dup) X(dup2) X(dup3)          \
	X(fcntl) X(fcntl64)                                                    \
	X(pthread_create) X(pthread_join) X(pthread_tryjoin_np)                \
	X(pthread_timedjoin_np) X(pthread_detach)                              \
	X(pthread_mutex_lock) X(pthread_mutex_timedlock)                       \
	X(pthread_mutex_unlock)                                                \
	X(pthread_cond_wait) X(pthread_cond_timedwait)                         \
	X(pthread_cond_clockwait) X(pthread_cond_signal)                       \
	X(pthread_cond_broadcast)                                              \
	X(pthread_rwlock_rdlock) X(pthread_rwlock_wrlock)                      \
	X(pthread_rwlock_unlock)                                               \
	X(sem_wait) X(sem_timedwait) X(sem_post)                               \
	X(accept) X(accept4) X(close) X(shutdown)                              \
	X(read) X(readv) X(recv) X(recvfrom) X(recvmsg)                        \
	X(write) X(writev) X(send) X(sendto) X(sendmsg)                        \
	X(poll) X(ppoll) X(select) X(pselect)                                  \
	X(epoll_wait) X(epoll_pwait)                                           \
	X(thrd_create) X(thrd_detach) X(thrd_join)                             \
	X(mtx_init) X(mtx_lock) X(mtx_timedlock) X(mtx_trylock)                \
	X(mtx_unlock) X(mtx_destroy)                                           \
	X(cnd_init) X(cnd_signal) X(cnd_broadcast) X(cnd_wait)                 \
	X(cnd_timedwait) X(cnd_destroy) X(call_once)
/* clang-format on */

/*
 * ThreadSanitizer's interface, where the program is built with it: it keeps a
 * stack of its own for each thread, and draws happens-before edges by address.
 */
extern void __tsan_func_entry(void *) __attribute__((weak));
extern void __tsan_func_exit(void) __attribute__((weak));
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

/* Nothing below is seen outside the shim: only the wrappers are. */
#pragma GCC visibility push(hidden)

/*
 * The file PERTURB_STATS: 64-bit numbers in the machine's byte order, read by
 * labkit/shimstats.py. Counters only grow, but for `alive`. They belong to the
 * first process that opened the file, and begin anew when it calls exec.
 * Before each comment's words: the offset in bytes. In all 120 bytes.
 */
struct shim_stats {
	_Atomic uint64_t magic;      /* 0 SHIM_MAGIC */
	_Atomic uint64_t version;    /* 8 SHIM_VERSION */
	_Atomic uint64_t pid;        /* 16 whose counters these are */
	_Atomic uint64_t created;    /* 24 threads started */
	_Atomic uint64_t joined;     /* 32 threads joined */
	_Atomic uint64_t detached;   /* 40 threads detached, or created so */
	_Atomic uint64_t ended;      /* 48 threads that have ended */
	_Atomic uint64_t alive;      /* 56 threads started and not ended */
	_Atomic uint64_t most_alive; /* 64 the most that `alive` has been */
	_Atomic uint64_t refused;    /* 72 EAGAIN by PERTURB_MAX_THREADS */
	_Atomic uint64_t accepted;   /* 80 descriptors that accept returned */
	_Atomic uint64_t stale_uses; /* 88 EBADF on one of those */
	_Atomic uint64_t double_closes; /* 96 those of stale_uses in close */
	_Atomic uint64_t shortened;     /* 104 transfers cut short */
	_Atomic uint64_t delays;        /* 112 yields and sleeps put in */
};

_Static_assert(sizeof(struct shim_stats) == 120, "the file has a fixed form");

#define SHIM_MAGIC   UINT64_C(0x50455254555231) /* "PERTUR1" */
#define SHIM_VERSION 1

/* The functions that the wrappers stand before. Written once, at set-up. */
struct shim_real {
#define SHIM_FIELD(name) __typeof__(name) *name;
	SHIM_FUNCTIONS(SHIM_FIELD)
#undef SHIM_FIELD
};
extern struct shim_real real;

/* What the environment asks for. Written once, at set-up. */
struct shim_config {
	bool delays; /* PERTURB_SEED is set */
	uint64_t seed;
	uint64_t percent;     /* of calls that are delayed */
	uint64_t max_us;      /* the longest delay, in microseconds */
	uint64_t max_threads; /* UINT64_MAX: no limit */
	uint64_t create_us;   /* by which thread creation is slower */
	uint64_t short_max;   /* the longest transfer in bytes, 0: any */
	bool tsan;            /* the program is built with TSan */
	bool tsan_in_front;   /* its runtime is linked statically (clang):
				   the program calls it, and it calls us */
};
extern struct shim_config config;

extern struct shim_stats *stats;
extern atomic_bool shim_ready;

/* Read the environment and find the real functions; before anything else. */
void shim_set_up(void);

/* Perhaps yield or sleep, as the thread's random numbers say. Keeps errno. */
void shim_delay(void);

/* Sleep for PERTURB_CREATE_US: to be called when a thread was created. */
void shim_slow_creation(void);

/* The calling thread's next random number. */
uint64_t shim_random(void);

/* Begin the calling thread's random numbers: those of its number, from 1. */
void shim_random_begin(uint64_t thread_number);

/* End the process because of an error of the harness; async-signal-safe. */
_Noreturn void shim_die(const char *what, const char *name);

/* A zeroed page of its own for what a thread is started with; NULL: none. */
void *shim_page_new(void);
void shim_page_free(void *page);

/* perturb_sync.c: what hand-over through a descriptor means to TSan. */
void shim_release_by(int fd);
void shim_acquire_by(int fd);
void shim_acquire_by_any(void);

/*
 * perturb_close.c: what a program must not close. shim_closes_log: whether fd
 * is a sanitizer's log; then that close's result is in *result, and errno.
 */
void shim_close_set_up(const char *stats_path);
bool shim_closes_log(int fd, int *result);

/*
 * perturb_main.c: the main thread, which tools do not know as one that may end,
 * be joined or detached. shim_last_ends: ends the process, if the calling
 * thread, which is about to end, is the last one of the program's.
 */
void shim_main_set_up(void);
bool shim_is_main(pthread_t thread);
int shim_join_main(void **result);
int shim_tryjoin_main(void **result);
int shim_timedjoin_main(void **result, const struct timespec *until);
int shim_detach_main(void);
void shim_main_ends(void);
void shim_last_ends(void);

/* perturb_threads.c: counts and limits, for both kinds of threads. */
void shim_threads_set_up(void);
void shim_threads_forked(void);
bool shim_thread_reserve(uint64_t *number);
void shim_thread_begins(uint64_t number);
void shim_thread_created(bool detached);
void shim_thread_unreserve(void);

/* Add 1 to a counter. */
static inline void
shim_count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/*
 * The first line of every wrapper. caller: where it will return to. TSan takes
 * a stack's innermost frame from the address that calls its interceptor, which
 * is in the shim; without the entry the student's own line would vanish.
 * A runtime that is linked in front of us has taken that frame already.
 */
static inline void
shim_enter(void *caller)
{
	if (!atomic_load_explicit(&shim_ready, memory_order_acquire))
		shim_set_up();
	if (config.tsan && !config.tsan_in_front)
		__tsan_func_entry(caller);
}

/* The last line of every wrapper. */
static inline void
shim_leave(void)
{
	if (config.tsan && !config.tsan_in_front)
		__tsan_func_exit();
}

#pragma GCC visibility pop

#endif
