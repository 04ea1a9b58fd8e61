/*
 * Calls that a signal handler must not make: functions that signal-safety(7)
 * does not list. One of them in a handler is an error where the signal can come
 * amid another one (POSIX.1-2008, XSH 2.4.3), so both are looked for:
 *
 *	which signals with a handler were not blocked while some thread was in
 *	such a call; and whether the handler of such a signal makes one, too.
 *
 * No error: a signal that is open only while a thread waits in ppoll(2), poll(2)
 * or the like, and a handler that raise(3) has called in its own thread. Only
 * what the program itself calls counts.
 */
#include "perturb.h"

#include <sys/syscall.h>
#include <ucontext.h>

enum {
	SIGNALS = 65,
	SET_BYTES = 8, /* of the kernel's signal sets */
	HARMLESS = -1, /* a handler's run that may call what it likes */
};

/* clang-format off */
static const bool is_unsafe[SHIM_CALLS] = {
#define UNSAFE(name) [SHIM_CALL_##name] = true
	UNSAFE(printf), UNSAFE(fprintf), UNSAFE(vprintf), UNSAFE(vfprintf),
	UNSAFE(dprintf), UNSAFE(vdprintf), UNSAFE(puts), UNSAFE(putchar),
	UNSAFE(fputs), UNSAFE(fputc), UNSAFE(putc), UNSAFE(fwrite),
	UNSAFE(fflush), UNSAFE(fclose), UNSAFE(fopen), UNSAFE(fopen64),
	UNSAFE(fgets), UNSAFE(fgetc), UNSAFE(getc), UNSAFE(getchar),
	UNSAFE(fread), UNSAFE(getdelim), UNSAFE(getline), UNSAFE(fscanf),
	UNSAFE(flockfile),
	UNSAFE(pthread_create), UNSAFE(pthread_join),
	UNSAFE(thrd_create), UNSAFE(thrd_join),
	UNSAFE(pthread_mutex_lock), UNSAFE(pthread_mutex_timedlock),
	UNSAFE(pthread_mutex_clocklock),
	UNSAFE(pthread_rwlock_rdlock), UNSAFE(pthread_rwlock_wrlock),
	UNSAFE(pthread_rwlock_timedrdlock), UNSAFE(pthread_rwlock_timedwrlock),
	UNSAFE(pthread_rwlock_clockrdlock), UNSAFE(pthread_rwlock_clockwrlock),
	UNSAFE(pthread_spin_lock), UNSAFE(mtx_lock), UNSAFE(mtx_timedlock),
	UNSAFE(pthread_cond_wait), UNSAFE(pthread_cond_timedwait),
	UNSAFE(pthread_cond_clockwait), UNSAFE(pthread_cond_signal),
	UNSAFE(pthread_cond_broadcast),
	UNSAFE(cnd_wait), UNSAFE(cnd_timedwait), UNSAFE(cnd_signal),
	UNSAFE(cnd_broadcast), UNSAFE(pthread_barrier_wait),
#undef UNSAFE
};
/* clang-format on */

/* Bit n - 1: signal n has a handler; and one can come amid an unsafe call. */
static _Atomic uint64_t handled, met;

/* By signal: that unsafe call, as struct shim_flight has it. */
static _Atomic uint64_t meetings[SIGNALS];

/* In each thread's own block, as in perturb.c: no allocation. */
#define OWN static _Thread_local __attribute__((tls_model("initial-exec")))
OWN int running;        /* the signal whose handler runs, HARMLESS, or 0 */
OWN uint64_t blocked;   /* signals that are blocked, */
OWN bool mask_is_known; /* where this says that they are known */

void
shim_handler_set(int number, bool set)
{
	uint64_t bit = UINT64_C(1) << (number - 1);

	if (set)
		atomic_fetch_or(&handled, bit);
	else
		atomic_fetch_and(&handled, ~bit);
}

void
shim_mask_changed(void)
{
	mask_is_known = false;
}

/* Signals that come of what the thread itself has just done. */
static bool
is_of_own_making(int number, const siginfo_t *info)
{
	switch (number) {
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
	case SIGSYS:
	case SIGABRT:
		return true;
	default:
		return info->si_code <= 0 && info->si_pid == getpid() &&
		    shim_flight_is_sending();
	}
}

int
shim_handler_runs(int number, const siginfo_t *info, const void *context)
{
	const ucontext_t *left = context;
	int before = running;

	/* It is blocked where the handler returns to: it has ended a ppoll. */
	if (sigismember(&left->uc_sigmask, number) == 1 ||
	    is_of_own_making(number, info))
		running = HARMLESS;
	else
		running = number;
	return before;
}

void
shim_handler_returns(int before)
{
	running = before;
}

void
shim_handler_left(void)
{
	running = 0;
	mask_is_known = false;
}

static uint64_t
told(enum shim_call call, uint32_t site, int number)
{
	return (uint64_t)site << 32 | (uint64_t)call << 8 | (uint64_t)number;
}

/* Note which signals can come amid this call; each once for the process. */
static void
may_be_met(enum shim_call call, uint32_t site)
{
	uint64_t open = atomic_load(&handled) & ~atomic_load(&met);
	int number;

	if (!open)
		return;
	if (!mask_is_known) {
		mask_is_known = true;
		syscall(
		    SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, SET_BYTES);
	}
	open &= ~blocked;
	for (number = 1; open && number < SIGNALS; number++) {
		uint64_t none = 0, bit = UINT64_C(1) << (number - 1);

		if (!(open & bit))
			continue;
		atomic_compare_exchange_strong(
		    &meetings[number], &none, told(call, site, number));
		atomic_fetch_or(&met, bit);
	}
}

void
shim_unsafe_called(enum shim_call call, uint32_t site)
{
	uint64_t meeting;

	if (!is_unsafe[call] || !site)
		return;
	if (running == 0) {
		may_be_met(call, site);
	} else if (running != HARMLESS) {
		meeting = atomic_load(&meetings[running]);
		if (meeting)
			shim_flight_unsafe(told(call, site, running), meeting);
	}
}
