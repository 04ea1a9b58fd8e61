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

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "perturb_flight.h"

/* What is wrapped that no header of the C library declares for all. */
int __overflow(FILE *stream, int byte);
int __uflow(FILE *stream);
ssize_t __getdelim(char **line, size_t *size, int delimiter, FILE *stream);

/* The functions that are wrapped, as X(name) for each. */
/* clang-format off */
#define SHIM_FUNCTIONS(X)                                                      \
	X(syscall) X(closefrom) X(close_range) X(dup) X(dup2) X(dup3)          \
	X(fcntl) X(fcntl64)                                                    \
	X(pthread_create) X(pthread_join) X(pthread_tryjoin_np)                \
	X(pthread_timedjoin_np) X(pthread_detach)                              \
	X(pthread_mutex_lock) X(pthread_mutex_timedlock)                       \
	X(pthread_mutex_unlock) X(pthread_mutex_trylock)                       \
	X(pthread_mutex_init) X(pthread_mutex_destroy)                         \
	X(pthread_cond_wait) X(pthread_cond_timedwait)                         \
	X(pthread_cond_clockwait) X(pthread_cond_signal)                       \
	X(pthread_cond_broadcast)                                              \
	X(pthread_rwlock_rdlock) X(pthread_rwlock_wrlock)                      \
	X(pthread_rwlock_tryrdlock) X(pthread_rwlock_trywrlock)                \
	X(pthread_rwlock_unlock)                                               \
	X(pthread_rwlock_init) X(pthread_rwlock_destroy)                       \
	X(pthread_spin_lock) X(pthread_spin_trylock) X(pthread_spin_unlock)    \
	X(pthread_spin_init) X(pthread_spin_destroy)                           \
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
	X(cnd_timedwait) X(cnd_destroy) X(call_once)                           \
	X(open) X(open64) X(openat) X(openat64) X(fopen) X(fopen64)            \
	X(freopen) X(opendir) X(scandir) X(readlink) X(readlinkat)             \
	X(symlink) X(realpath) X(access) X(faccessat) X(stat) X(lstat)         \
	X(stat64) X(lstat64) X(fstatat) X(statx) X(chdir)

/* Those of newer files: one that a C library lacks is called by nobody. */
#define SHIM_OPTIONAL(X)                                                       \
	X(pthread_mutex_clocklock)                                             \
	X(pthread_cond_destroy)                                                \
	X(pthread_rwlock_timedrdlock) X(pthread_rwlock_timedwrlock)            \
	X(pthread_rwlock_clockrdlock) X(pthread_rwlock_clockwrlock)            \
	X(sem_trywait) X(sem_clockwait) X(pthread_clockjoin_np)                \
	X(pthread_barrier_wait)                                                \
	X(flockfile) X(ftrylockfile) X(funlockfile)                            \
	X(fputs) X(fputc) X(putc) X(fwrite) X(vfprintf) X(vdprintf)            \
	X(puts) X(putchar) X(fflush) X(fclose)                                 \
	X(fputs_unlocked) X(fputc_unlocked) X(fwrite_unlocked)                 \
	X(fflush_unlocked) X(__overflow)                                       \
	X(fgets) X(fgetc) X(getc) X(fread) X(__getdelim)                       \
	X(fgets_unlocked) X(fgetc_unlocked) X(fread_unlocked) X(__uflow)       \
	X(kill) X(raise) X(tgkill) X(pthread_kill) X(sigqueue)                 \
	X(pthread_sigqueue) X(timer_create) X(timer_settime)                   \
	X(setitimer) X(alarm)                                                  \
	X(sigwait) X(sigwaitinfo) X(sigtimedwait) X(sigsuspend) X(pause)       \
	X(sleep) X(usleep) X(nanosleep) X(clock_nanosleep)                     \
	X(eventfd_read) X(eventfd_write) X(timerfd_settime)                    \
	X(mq_send) X(mq_timedsend) X(mq_receive) X(mq_timedreceive)            \
	X(splice) X(tee) X(vmsplice) X(sendfile) X(connect)                    \
	X(recvmmsg) X(sendmmsg) X(flock) X(epoll_ctl) X(epoll_pwait2)          \
	X(socket) X(bind) X(listen) X(getpeername) X(getsockname)              \
	X(setsockopt) X(getsockopt) X(rename) X(unlink) X(ftruncate)           \
	X(lseek) X(pipe) X(pipe2) X(socketpair)                                \
	X(sem_init) X(sem_destroy) X(pthread_cond_init)                        \
	X(pthread_sigmask) X(sigprocmask) X(pthread_exit) X(pthread_cancel) \
	X(sigaction) X(signal) X(__sysv_signal) X(longjmp) X(siglongjmp)
/* clang-format on */

/*
 * ThreadSanitizer's interface, where the program is built with it: it keeps a
 * stack of its own for each thread, and draws happens-before edges by address.
 */
extern void __tsan_func_entry(void *) __attribute__((weak));
extern void __tsan_func_exit(void) __attribute__((weak));
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));
extern void __tsan_read1(void *) __attribute__((weak));
extern void __tsan_mutex_pre_lock(void *, unsigned flags) __attribute__((weak));
extern void __tsan_mutex_post_lock(void *, unsigned flags, int recursion)
    __attribute__((weak));
extern int __tsan_mutex_pre_unlock(void *, unsigned flags)
    __attribute__((weak));
extern void __tsan_mutex_post_unlock(void *, unsigned flags)
    __attribute__((weak));

/* Nothing below is seen outside the shim: only the wrappers are. */
#pragma GCC visibility push(hidden)

/*
 * The file PERTURB_STATS: 64-bit numbers in the machine's byte order, read by
 * labkit/box/shimstats.py. Counters only grow, but for `alive`. They belong to the
 * first process that opened the file, and begin anew when it calls exec.
 * Before each comment's words: the offset in bytes. In all 256 bytes.
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
	_Atomic uint64_t looks;         /* 120 at the harness's directories */
	char looked_at[128];            /* 128 the first of those paths */
};

_Static_assert(sizeof(struct shim_stats) == 256, "the file has a fixed form");

/*
 * What follows the counters in that file, at SHIM_RECORD_AT: who held which
 * lock when it asked for another; perturb_record.c says what it means,
 * labkit/box/lockrecord.py reads it.
 */
enum {
	SHIM_RECORD_AT = 4096,
	SHIM_THREADS = 8192, /* from 0, the main thread */
	SHIM_LOCKS = 8192,
	SHIM_NODES = 8192,
	SHIM_WAITS = 16384,
	SHIM_SITES = 1024,
};

/* Of three kinds, in 32 bytes. Numbers of entries begin with 1. */
struct shim_entry {
	/*
	 * A lock: its address; 0, or another number once it has ended.
	 * A node: how << 32 | where; the node before it << 32 | its lock.
	 * A wait: its node << 32 | its thread; the segment.
	 */
	_Atomic uint64_t a, b;
	uint64_t when; /* the first time, by `now` */
	uint32_t next; /* of a chain; the shim's own */
	uint32_t unused;
};

/* A thread, in 40 bytes. */
struct shim_thread {
	uint64_t created; /* when; 0: there is no such thread */
	uint64_t joined;  /* when; 0: not yet, or never */
	uint64_t routine; /* these two from the program's beginning */
	uint64_t site;
	uint32_t creator;
	uint32_t joiner;
};

/* A place that takes locks, in 8 bytes; 0: none. How often, at least. */
struct shim_site {
	_Atomic uint32_t site, taken;
};

struct shim_record {
	_Atomic uint64_t magic;   /* SHIM_RECORD_MAGIC */
	_Atomic uint64_t version; /* SHIM_RECORD_VERSION */
	uint64_t bias;            /* where the program lies */
	_Atomic uint64_t now;     /* a number for each event */
	_Atomic uint64_t lost;    /* what there was no room for */
	_Atomic uint32_t locks_used, nodes_used, waits_used, unused;
	struct shim_thread threads[SHIM_THREADS];
	struct shim_entry locks[SHIM_LOCKS];
	struct shim_entry nodes[SHIM_NODES];
	struct shim_entry waits[SHIM_WAITS];
	struct shim_site sites[SHIM_SITES];
};

/* Behind it, at the beginning of a page, the flight recorder's part. */
enum {
	SHIM_FLIGHT_AT =
	    (SHIM_RECORD_AT + sizeof(struct shim_record) + 4095) / 4096 * 4096,
};

_Static_assert(sizeof(struct shim_entry) == 32, "the file has a fixed form");
_Static_assert(sizeof(struct shim_thread) == 40, "the file has a fixed form");
_Static_assert(offsetof(struct shim_record, threads) == 56, "likewise");

#define SHIM_RECORD_MAGIC   UINT64_C(0x4c4f434b53) /* "LOCKS" */
#define SHIM_RECORD_VERSION 2

#define SHIM_MAGIC   UINT64_C(0x50455254555231) /* "PERTUR1" */
#define SHIM_VERSION 2

/* The functions that the wrappers stand before. Written once, at set-up. */
struct shim_real {
#define SHIM_FIELD(name) __typeof__(name) *name;
	SHIM_FUNCTIONS(SHIM_FIELD)
	SHIM_OPTIONAL(SHIM_FIELD)
#undef SHIM_FIELD
	/* The C library's own, behind a tool's. */
	__typeof__(pthread_barrier_wait) *libc_barrier_wait;
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
	uint64_t close_us;    /* after it has closed a connection */
	uint64_t short_max;   /* the longest transfer in bytes, 0: any */
	bool valgrind;        /* the program runs under it */
	bool tsan;            /* the program is built with TSan */
	bool tsan_in_front;   /* its runtime is linked statically (clang):
				   the program calls it, and it calls us */
	bool watched;         /* by one of the two: a tool is told things */
	/* TSan stands before these functions, so it need not be told. */
	bool knows_mutex_clocklock, knows_rwlock_clock, knows_clockjoin;
};
extern struct shim_config config;

extern struct shim_stats *stats;
extern atomic_bool shim_ready;

/* Read the environment and find the real functions; before anything else. */
void shim_set_up(void);

/* Find a function behind us and keep its address; NULL if it isn't needed. */
void shim_find(const char *name, void *function, bool needed);

/* Perhaps yield or sleep, as the thread's random numbers say. Keeps errno. */
void shim_delay(void);

/* Sleep for PERTURB_CREATE_US: to be called when a thread was created. */
void shim_slow_creation(void);

/* Sleep for PERTURB_CLOSE_US: to be called when a connection was closed. */
void shim_slow_close(void);

/* The calling thread's next random number. */
uint64_t shim_random(void);

/* Begin the calling thread's random numbers: those of its number, from 1. */
void shim_random_begin(uint64_t thread_number);

/* End the process because of an error of the harness; async-signal-safe. */
_Noreturn void shim_die(const char *what, const char *name);

/* A zeroed page of its own for what a thread is started with; NULL: none. */
void *shim_page_new(void);
void shim_page_free(void *page);

/* perturb_tell.c: what the tools are told of order and of locks. */
void shim_tell_set_up(void);
void shim_release(void *edge);
void shim_acquire(void *edge);
void shim_release_by(int fd);
void shim_acquire_by(int fd);
void shim_acquire_by_any(void);
void shim_release_by_all(void);
void shim_release_by_set(int set);
void shim_acquire_by_set(int set);
void shim_release_by_queue(int fd);
void shim_acquire_by_queue(int fd);
void shim_release_by_signal(int number);
void shim_acquire_by_signal(int number);
void shim_acquire_by_handler(void);
void shim_interrupted(long result);
void shim_release_room(int fd);
void shim_acquire_room(int fd, size_t len);
void shim_tell_locked(pthread_mutex_t *mutex);
void shim_tell_orphaned(pthread_mutex_t *mutex);

/* perturb_notify.c: functions that are called in threads of their own. */
void shim_release_by_notice(void);

/*
 * perturb_unsafe.c: what a signal handler must not call. A handler was set, or
 * taken away; it runs, which returns what shim_handler_returns wants; it was
 * left by a jump; the thread's signal mask may be another one; any call.
 */
void shim_handler_set(int number, bool set);
int shim_handler_runs(int number, const siginfo_t *info, const void *context);
void shim_handler_returns(int before);
void shim_handler_left(void);
void shim_mask_changed(void);
void shim_unsafe_called(enum shim_call call, uint32_t site);

/* perturb_stdio.c: names that no header declares. */
void shim_stdio_set_up(void);

/* perturb_answers.c: mutexes that answer by errors. */
int shim_lock_answer(const pthread_mutex_t *mutex);
int shim_unlock_answer(const pthread_mutex_t *mutex);
void shim_owner_died(pthread_mutex_t *mutex, int err, bool tsan_knows);
void shim_orphan_all(void);

/* perturb_cond.c: who waits for a condition, under Helgrind. */
struct shim_wait {
	pthread_cond_t *cond;
	pthread_mutex_t *mutex;
	clockid_t clock;              /* of a clockwait */
	const struct timespec *until; /* NULL: for ever */
};

int shim_cond_wait(
    struct shim_wait *wait, int (*real_wait)(const struct shim_wait *wait));
void shim_cond_signalled(pthread_cond_t *cond, bool all);

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

/* Whether an address lies in the program itself, not in a library. */
bool shim_is_program(const void *address);

/*
 * perturb_record.c: the record of locks. Each wrapper of a call that takes a
 * lock says so: before it, if it can block for ever, that the lock is wanted;
 * after it succeeded, that it is taken; after one that gives it back, that it
 * is given. caller: where the wrapper returns to.
 */
enum shim_how {
	SHIM_EXCLUSIVE = 0,
	SHIM_SHARED = 1,
	SHIM_TRIED = 2, /* exclusive, by a call that never waits for ever */
	SHIM_TRIED_SHARED = 3,
};

void shim_lock_wanted(void *lock, enum shim_how how, void *caller);
void shim_lock_taken(void *lock, enum shim_how how, void *caller);
void shim_lock_given(void *lock);

/* A semaphore is no lock that anybody holds; but where it is taken counts. */
void shim_taken_at(void *caller);

/* A mutex is taken if err says so: also one whose owner has died. */
static inline void
shim_mutex_taken(
    pthread_mutex_t *mutex, int err, enum shim_how how, void *caller)
{
	if (!err || err == EOWNERDEAD)
		shim_lock_taken(mutex, how, caller);
}

/* A wait for a condition gives a lock, and takes it again before it ends. */
static inline void
shim_wait_begins(void *lock, void *caller)
{
	shim_lock_given(lock);
	shim_lock_wanted(lock, SHIM_EXCLUSIVE, caller);
}

static inline void
shim_wait_ended(void *lock, void *caller)
{
	shim_lock_taken(lock, SHIM_EXCLUSIVE, caller);
}

/* A lock is destroyed, or about to be made where another may have been. */
void shim_lock_ended(void *lock);

/* How a read-write lock is taken: with whether its writers come first. */
enum shim_how shim_how_of(const pthread_rwlock_t *lock, enum shim_how how);

/* Of calls that come from the shim itself the caller is this one. */
void shim_lock_called(void *caller);

/* Whether an address lies in the shim. */
bool shim_is_ours(const void *address);

/*
 * A caller as an offset into the program; 0 where it lies elsewhere. One that
 * lies in the shim is perturb_c11.c, whose own caller is meant.
 */
uint32_t shim_site_of(void *caller);

/*
 * What orders threads: before one is created, in it when it begins, before it
 * is joined (returns its number) and when it has been.
 */
void shim_order_creates(uint64_t number, void *routine, void *caller);
void shim_order_begins(uint64_t number);
uint32_t shim_order_joining(pthread_t id);
void shim_order_joined(uint32_t number, pthread_t id);

void shim_locks_set_up(struct shim_record *shared);
void shim_locks_forked(void);

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
