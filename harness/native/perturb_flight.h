/*
 * The flight recorder: what each thread has called, with what result, when and
 * from where; and what it is inside now. perturb_flight.c writes it,
 * labkit/hang/flight.py reads it. Included by perturb.h.
 */
#ifndef PERTURB_FLIGHT_H
#define PERTURB_FLIGHT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * What is said of a call in the table below. FLIES_LOCK: it goes into the ring
 * of locks and conditions, so that many of those push out nothing else.
 * FLIES_QUICK: it never waits, so one look at the clock is enough. FLIES_OPENS:
 * its result is a new descriptor. FLIES_CLOSES: it gives its descriptor back.
 */
enum {
	FLIES = 0,
	FLIES_LOCK = 1,
	FLIES_QUICK = 2,
	FLIES_OPENS = 4,
	FLIES_CLOSES = 8,
	FLIES_QUICK_LOCK = FLIES_LOCK | FLIES_QUICK,
	FLIES_NEW = FLIES_QUICK | FLIES_OPENS,
};

/* The calls that are recorded, as X(name, what is said of it). */
/* clang-format off */
#define FLIGHT_CALLS(X)                                                        \
	X(socket, FLIES_NEW) X(bind, FLIES_QUICK) X(listen, FLIES_QUICK)       \
	X(accept, FLIES_OPENS) X(accept4, FLIES_OPENS) X(connect, FLIES)       \
	X(getpeername, FLIES_QUICK) X(getsockname, FLIES_QUICK)                \
	X(setsockopt, FLIES_QUICK) X(getsockopt, FLIES_QUICK)                  \
	X(shutdown, FLIES_QUICK) X(close, FLIES_CLOSES)                        \
	X(recv, FLIES) X(recvfrom, FLIES) X(recvmsg, FLIES)                    \
	X(recvmmsg, FLIES) X(read, FLIES) X(readv, FLIES)                      \
	X(send, FLIES) X(sendto, FLIES) X(sendmsg, FLIES)                      \
	X(sendmmsg, FLIES) X(write, FLIES) X(writev, FLIES)                    \
	X(sendfile, FLIES) X(splice, FLIES) X(tee, FLIES) X(vmsplice, FLIES)   \
	X(eventfd_read, FLIES) X(eventfd_write, FLIES)                         \
	X(open, FLIES_OPENS) X(open64, FLIES_OPENS) X(openat, FLIES_OPENS)     \
	X(openat64, FLIES_OPENS) X(fopen, FLIES_OPENS) X(fopen64, FLIES_OPENS) \
	X(rename, FLIES) X(unlink, FLIES) X(ftruncate, FLIES)                  \
	X(lseek, FLIES_QUICK) X(flock, FLIES)                                  \
	X(dup, FLIES_NEW) X(dup2, FLIES_NEW) X(dup3, FLIES_NEW)                \
	X(pipe, FLIES_QUICK) X(pipe2, FLIES_QUICK)                             \
	X(socketpair, FLIES_QUICK) X(fcntl, FLIES)                             \
	X(poll, FLIES) X(ppoll, FLIES) X(select, FLIES) X(pselect, FLIES)      \
	X(epoll_wait, FLIES) X(epoll_pwait, FLIES) X(epoll_pwait2, FLIES)      \
	X(epoll_ctl, FLIES_QUICK)                                              \
	X(printf, FLIES) X(fprintf, FLIES) X(vprintf, FLIES)                   \
	X(vfprintf, FLIES) X(dprintf, FLIES) X(vdprintf, FLIES)                \
	X(puts, FLIES) X(putchar, FLIES) X(putchar_unlocked, FLIES)            \
	X(fputs, FLIES) X(fputs_unlocked, FLIES) X(fputc, FLIES)               \
	X(putc, FLIES) X(fputc_unlocked, FLIES) X(putc_unlocked, FLIES)        \
	X(__overflow, FLIES) X(fwrite, FLIES) X(fwrite_unlocked, FLIES)        \
	X(fflush, FLIES) X(fflush_unlocked, FLIES) X(fclose, FLIES_CLOSES)     \
	X(fgets, FLIES) X(fgets_unlocked, FLIES) X(fgetc, FLIES)               \
	X(getc, FLIES) X(getchar, FLIES) X(fgetc_unlocked, FLIES)              \
	X(getc_unlocked, FLIES) X(getchar_unlocked, FLIES) X(__uflow, FLIES)   \
	X(fread, FLIES) X(fread_unlocked, FLIES) X(__getdelim, FLIES)          \
	X(getdelim, FLIES) X(getline, FLIES) X(fscanf, FLIES)                  \
	X(mq_send, FLIES) X(mq_timedsend, FLIES) X(mq_receive, FLIES)          \
	X(mq_timedreceive, FLIES)                                              \
	X(sleep, FLIES) X(usleep, FLIES) X(nanosleep, FLIES)                   \
	X(clock_nanosleep, FLIES) X(pause, FLIES)                              \
	X(kill, FLIES_QUICK) X(raise, FLIES_QUICK) X(tgkill, FLIES_QUICK)      \
	X(pthread_kill, FLIES_QUICK) X(sigqueue, FLIES_QUICK)                  \
	X(pthread_sigqueue, FLIES_QUICK) X(alarm, FLIES_QUICK)                 \
	X(sigwait, FLIES) X(sigwaitinfo, FLIES) X(sigtimedwait, FLIES)         \
	X(sigsuspend, FLIES) X(sigaction, FLIES_QUICK) X(signal, FLIES_QUICK)  \
	X(pthread_sigmask, FLIES_QUICK) X(sigprocmask, FLIES_QUICK)            \
	X(handler, FLIES)                                                      \
	X(pthread_create, FLIES) X(pthread_join, FLIES)                        \
	X(pthread_tryjoin_np, FLIES_QUICK) X(pthread_timedjoin_np, FLIES)      \
	X(pthread_clockjoin_np, FLIES) X(pthread_detach, FLIES_QUICK)          \
	X(pthread_exit, FLIES_QUICK) X(pthread_cancel, FLIES_QUICK)            \
	X(thrd_create, FLIES) X(thrd_join, FLIES) X(thrd_detach, FLIES_QUICK)  \
	X(pthread_mutex_init, FLIES_QUICK_LOCK)                                \
	X(pthread_mutex_destroy, FLIES_QUICK_LOCK)                             \
	X(pthread_mutex_lock, FLIES_LOCK)                                      \
	X(pthread_mutex_trylock, FLIES_QUICK_LOCK)                             \
	X(pthread_mutex_timedlock, FLIES_LOCK)                                 \
	X(pthread_mutex_clocklock, FLIES_LOCK)                                 \
	X(pthread_mutex_unlock, FLIES_QUICK_LOCK)                              \
	X(pthread_rwlock_init, FLIES_QUICK_LOCK)                               \
	X(pthread_rwlock_destroy, FLIES_QUICK_LOCK)                            \
	X(pthread_rwlock_rdlock, FLIES_LOCK)                                   \
	X(pthread_rwlock_wrlock, FLIES_LOCK)                                   \
	X(pthread_rwlock_tryrdlock, FLIES_QUICK_LOCK)                          \
	X(pthread_rwlock_trywrlock, FLIES_QUICK_LOCK)                          \
	X(pthread_rwlock_timedrdlock, FLIES_LOCK)                              \
	X(pthread_rwlock_timedwrlock, FLIES_LOCK)                              \
	X(pthread_rwlock_clockrdlock, FLIES_LOCK)                              \
	X(pthread_rwlock_clockwrlock, FLIES_LOCK)                              \
	X(pthread_rwlock_unlock, FLIES_QUICK_LOCK)                             \
	X(pthread_spin_init, FLIES_QUICK_LOCK)                                 \
	X(pthread_spin_destroy, FLIES_QUICK_LOCK)                              \
	X(pthread_spin_lock, FLIES_LOCK)                                       \
	X(pthread_spin_trylock, FLIES_QUICK_LOCK)                              \
	X(pthread_spin_unlock, FLIES_QUICK_LOCK)                               \
	X(sem_init, FLIES_QUICK_LOCK) X(sem_destroy, FLIES_QUICK_LOCK)         \
	X(sem_wait, FLIES_LOCK) X(sem_trywait, FLIES_QUICK_LOCK)               \
	X(sem_timedwait, FLIES_LOCK) X(sem_clockwait, FLIES_LOCK)              \
	X(sem_post, FLIES_QUICK_LOCK)                                          \
	X(pthread_cond_init, FLIES_QUICK_LOCK)                                 \
	X(pthread_cond_destroy, FLIES_LOCK)                                    \
	X(pthread_cond_wait, FLIES_LOCK)                                       \
	X(pthread_cond_timedwait, FLIES_LOCK)                                  \
	X(pthread_cond_clockwait, FLIES_LOCK)                                  \
	X(pthread_cond_signal, FLIES_QUICK_LOCK)                               \
	X(pthread_cond_broadcast, FLIES_QUICK_LOCK)                            \
	X(pthread_barrier_wait, FLIES_LOCK)                                    \
	X(flockfile, FLIES_LOCK) X(ftrylockfile, FLIES_QUICK_LOCK)             \
	X(funlockfile, FLIES_QUICK_LOCK)                                       \
	X(mtx_init, FLIES_QUICK_LOCK) X(mtx_destroy, FLIES_QUICK_LOCK)         \
	X(mtx_lock, FLIES_LOCK) X(mtx_timedlock, FLIES_LOCK)                   \
	X(mtx_trylock, FLIES_QUICK_LOCK) X(mtx_unlock, FLIES_QUICK_LOCK)       \
	X(cnd_init, FLIES_QUICK_LOCK) X(cnd_destroy, FLIES_LOCK)               \
	X(cnd_wait, FLIES_LOCK) X(cnd_timedwait, FLIES_LOCK)                   \
	X(cnd_signal, FLIES_QUICK_LOCK) X(cnd_broadcast, FLIES_QUICK_LOCK)     \
	X(call_once, FLIES_LOCK)
/* clang-format on */

enum shim_call {
#define FLIGHT_ENUM(name, what) SHIM_CALL_##name,
	FLIGHT_CALLS(FLIGHT_ENUM)
#undef FLIGHT_ENUM
	    SHIM_CALLS,
};

enum {
	FLIGHT_KINDS = 2,    /* of rings: 1 is that of locks and conditions */
	FLIGHT_LONG = 64,    /* threads with long rings, main's first */
	FLIGHT_RINGS = 1088, /* those, and others with short rings */
	FLIGHT_LONG_EVENTS = 512,
	FLIGHT_LONG_LOCKS = 256,
	FLIGHT_SHORT_EVENTS = 64,
	FLIGHT_SHORT_LOCKS = 32,
	FLIGHT_LAST = 2,      /* events of each kind without a ring */
	FLIGHT_LIVES = 10240, /* threads that are alive or not long dead */
	FLIGHT_FDS = 4096,
	FLIGHT_HELD = 6, /* locks that a thread holds */
	FLIGHT_NAMES = 192,
	FLIGHT_NAME_BYTES = 28,
};

/*
 * A call, in 64 bytes. Who reads while it is written sees that `seq` and
 * `check` do not fit each other.
 */
struct shim_event {
	_Atomic uint32_t seq;   /* from 1, by thread and kind; 0: none */
	int32_t detail;         /* an option, a clock, a signal, flags */
	uint64_t began;         /* nanoseconds of CLOCK_MONOTONIC */
	_Atomic uint64_t ended; /* of the last time; 0: it is inside */
	uint64_t object;        /* a lock, a thread's number or pthread_t */
	int64_t result;
	int64_t asked; /* bytes, or nanoseconds of patience; -1: for ever */
	uint32_t site; /* where it returns to, from the program's beginning */
	uint32_t repeats;
	int32_t fd;             /* -1: none */
	uint8_t call;           /* enum shim_call */
	uint8_t error;          /* an errno, 0: none */
	_Atomic uint16_t check; /* 2 * seq + 1; 0: it is being written */
};

/* A lock that a thread holds, in 16 bytes. */
struct shim_holds {
	uint64_t lock;
	uint32_t site;
	uint32_t how; /* enum shim_how */
};

/* A thread, in 512 bytes. */
struct shim_life {
	_Atomic uint64_t owner; /* number + 1, FLIGHT_DEAD; 0: nobody's yet */
	uint64_t handle;        /* its pthread_t */
	uint64_t began;
	_Atomic uint64_t ended;                /* 0: it lives */
	_Atomic uint64_t events[FLIGHT_KINDS]; /* of each kind, begun so far */
	_Atomic uint64_t inside; /* kind << 32 | seq of its call now; 0: none */
	uint32_t tid;
	uint32_t ring;    /* its number + 1; 0: it has `last` only */
	uint32_t creator; /* a thread's number */
	uint32_t site;    /* where it was created */
	uint32_t routine; /* from the program's beginning */
	uint32_t depth;   /* how many locks it holds */
	struct shim_holds held[FLIGHT_HELD];
	struct shim_event failed; /* the last call that failed */
	struct shim_event last[FLIGHT_KINDS][FLIGHT_LAST];
	uint64_t created; /* by its creator, before it began */
	uint64_t unused;
};

/* A number of a descriptor, in 48 bytes: its last opening and its last close. */
struct shim_number {
	uint64_t opened, closed; /* when; 0: never seen */
	uint32_t opener, closer; /* threads' numbers */
	uint32_t open_site, close_site;
	uint8_t open_call, close_call;
	uint8_t unused[14];
};

struct shim_flight {
	_Atomic uint64_t magic;
	_Atomic uint64_t version;
	uint64_t bias;
	_Atomic uint64_t unrecorded; /* threads that there was no room for */
	_Atomic uint64_t cursor;     /* of the next ring to be given out */
	_Atomic uint64_t timers;     /* calls that set a timer of any kind */
	/*
	 * The first call that a handler must not make, and one that its signal
	 * can come amid: site << 32 | call << 8 | signal; 0: none.
	 */
	_Atomic uint64_t unsafe, met;
	char names[FLIGHT_NAMES][FLIGHT_NAME_BYTES];
	/* Whose each ring is: number + 1, with FLIGHT_DEAD after its end. */
	_Atomic uint64_t owners[FLIGHT_RINGS];
	struct shim_number numbers[FLIGHT_FDS];
	struct shim_life lives[FLIGHT_LIVES];
	/* The rings: each thread's events, then its locks; long ones first. */
	struct shim_event
	    events[FLIGHT_LONG * (FLIGHT_LONG_EVENTS + FLIGHT_LONG_LOCKS) +
		(FLIGHT_RINGS - FLIGHT_LONG) *
		    (FLIGHT_SHORT_EVENTS + FLIGHT_SHORT_LOCKS)];
};

#define FLIGHT_DEAD    (UINT64_C(1) << 63)
#define FLIGHT_MAGIC   UINT64_C(0x464c49474854) /* "FLIGHT" */
#define FLIGHT_VERSION 1

_Static_assert(sizeof(struct shim_event) == 64, "the file has a fixed form");
_Static_assert(sizeof(struct shim_life) == 512, "the file has a fixed form");
_Static_assert(sizeof(struct shim_number) == 48, "the file has a fixed form");
_Static_assert((int)SHIM_CALLS <= (int)FLIGHT_NAMES, "there is room for all");

#pragma GCC visibility push(hidden)

/*
 * A call begins: to be called right before the real function, and one of those
 * below right after it. caller: where the wrapper returns to; one that lies in
 * the shim is a part of another call, and is not recorded. The rest: see struct
 * shim_event. Nothing of this changes errno.
 */
void shim_flight_begins(enum shim_call call, int fd,
    const volatile void *object, int detail, int64_t asked, void *caller);

/* One that joins a thread: its number, 0 where that is not known, and name. */
void shim_flight_joins(enum shim_call call, uint32_t number, pthread_t thread,
    int clock, int64_t asked, void *caller);

/* It has ended: with -1 and errno, or a result, which is returned. */
long shim_flight_ends(long result);

/* It has ended, with an error number or 0, which is returned. */
int shim_flight_ends_err(int err);

/* The same with a result and an error of the caller's. */
void shim_flight_ended(long result, int error);

/* What the running call is about was not known when it began. */
void shim_flight_object(uint64_t object);

/* The thread jumps out of whatever it is inside of. */
void shim_flight_leaves_all(void);

/* A descriptor number was given out, by a call that gives several. */
void shim_flight_opened(int fd, enum shim_call call, void *caller);

/* A timer is set, which may end a call that has no time-out of its own. */
void shim_flight_timer(void);

/* Whether the thread is in a call that sends a signal. */
bool shim_flight_is_sending(void);

/* The first unsafe call of a handler, and what its signal can come amid. */
void shim_flight_unsafe(uint64_t call, uint64_t met);

/* How far away a moment is, in nanoseconds; -1 where there is none. */
int64_t shim_ns_until(clockid_t clock, const struct timespec *until);
int64_t shim_ns(const struct timespec *time);

/* A thread is created, begins, is about to end; the locks that it holds. */
void shim_flight_thread(uint64_t number);
void shim_flight_creates(uint64_t number, void *routine, void *caller);
void shim_flight_thread_ends(void);
void shim_flight_holds(int place, void *lock, uint32_t site, unsigned how);
void shim_flight_depth(int depth);

void shim_flight_set_up(struct shim_flight *shared);
void shim_flight_forked(void);

/* A call that is recorded, in a wrapper: its value is the call's. */
#define FLY(name, fd, object, detail, asked, call)                \
	(shim_flight_begins(SHIM_CALL_##name, fd, object, detail, \
	     (int64_t)(asked), __builtin_return_address(0)),      \
	    shim_flight_ends(call))

/* The same with one that returns an error number. */
#define FLY_ERR(name, object, detail, asked, call)                \
	(shim_flight_begins(SHIM_CALL_##name, -1, object, detail, \
	     (int64_t)(asked), __builtin_return_address(0)),      \
	    shim_flight_ends_err(call))

#pragma GCC visibility pop

#endif
