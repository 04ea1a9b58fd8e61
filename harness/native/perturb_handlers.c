/*
 * Signal handlers, for the flight recorder: that one ran, and what it called.
 * A handler is called through one of the shim's, which the program does not
 * see: what asks for the old one gets its own. Not under ThreadSanitizer, which
 * calls handlers itself and names them in its reports.
 *
 * A jump out of a handler leaves the calls that the signal has interrupted.
 */
#include "perturb.h"

#include <setjmp.h>

enum { SIGNALS = 65 };

typedef void take_signal(int number, siginfo_t *info, void *context);

/* The program's handlers, and whether each has asked for SA_SIGINFO. */
static _Atomic(take_signal *) handlers[SIGNALS];
static atomic_bool with_info[SIGNALS];

/* What the kernel calls instead. A handler of one argument ignores the rest. */
static void
call_handler(int number, siginfo_t *info, void *context)
{
	take_signal *handler = NULL;
	int before;

	if (number > 0 && number < SIGNALS)
		handler = atomic_load(&handlers[number]);
	if (!handler)
		return;
	before = shim_handler_runs(number, info, context);
	/* A site is where a call returns to: this one begins there. */
	shim_flight_begins(SHIM_CALL_handler, -1, NULL, number, -1,
	    (char *)(uintptr_t)handler + 1);
	handler(number, info, context);
	shim_flight_ended(0, 0);
	shim_handler_returns(before);
}

/* Whether the handler is a function of the program's that we stand before. */
static bool
is_taken_over(int number, take_signal *handler)
{
	return !config.tsan && number > 0 && number < SIGNALS &&
	    handler != (take_signal *)(uintptr_t)SIG_DFL &&
	    handler != (take_signal *)(uintptr_t)SIG_IGN &&
	    handler != (take_signal *)(uintptr_t)SIG_ERR;
}

static int
take_over(int number, const struct sigaction *new, struct sigaction *old)
{
	take_signal *before = atomic_load(&handlers[number]);
	bool info_before = atomic_load(&with_info[number]);
	struct sigaction mine;
	int result;

	if (new &&is_taken_over(number, new->sa_sigaction)) {
		mine = *new;
		mine.sa_sigaction = call_handler;
		mine.sa_flags |= SA_SIGINFO;
		atomic_store(&with_info[number], new->sa_flags &SA_SIGINFO);
		atomic_store(&handlers[number], new->sa_sigaction);
		new = &mine;
	}
	result = real.sigaction(number, new, old);
	if (result != 0 && new == &mine) {
		atomic_store(&handlers[number], before);
		atomic_store(&with_info[number], info_before);
	}
	if (result == 0 && new)
		shim_handler_set(number, new == &mine);
	if (result == 0 && old && old->sa_sigaction == call_handler) {
		old->sa_sigaction = before;
		if (!info_before)
			old->sa_flags &= ~SA_SIGINFO;
	}
	return result;
}

/* The C library's own, under the name that it has beside the usual one. */
int __sigaction(int number, const struct sigaction *restrict new,
    struct sigaction *restrict old);

int
sigaction(int number, const struct sigaction *restrict new,
    struct sigaction *restrict old)
{
	int result;

	/*
	 * clang's ThreadSanitizer is part of the program, and calls this before
	 * the C library knows the environment: too early to be set up by it.
	 */
	if (!atomic_load_explicit(&shim_ready, memory_order_acquire))
		return __sigaction(number, new, old);
	shim_enter(__builtin_return_address(0));
	/* `old` may be `new`: the kernel reads the one before the other. */
	if (number > 0 && number < SIGNALS)
		result = FLY(sigaction, -1, NULL, number, 0,
		    take_over(number, new, old));
	else
		result = FLY(sigaction, -1, NULL, number, 0,
		    real.sigaction(number, new, old));
	shim_leave();
	return result;
}

/* signal, by one of its names. Returns what was there before. */
static sighandler_t
take_over_by(__typeof__(signal) *function, int number, sighandler_t handler)
{
	take_signal *mine = (take_signal *)(uintptr_t)handler, *before;
	sighandler_t old;

	if (!is_taken_over(number, mine))
		before = number > 0 && number < SIGNALS
		    ? atomic_load(&handlers[number])
		    : NULL;
	else
		before = atomic_exchange(&handlers[number], mine);
	if (is_taken_over(number, mine)) {
		handler = (sighandler_t)(uintptr_t)call_handler;
		atomic_store(&with_info[number], false);
	}
	old = function(number, handler);
	if (old == SIG_ERR && is_taken_over(number, mine))
		atomic_store(&handlers[number], before);
	if (old != SIG_ERR)
		shim_handler_set(number, is_taken_over(number, mine));
	if (old == (sighandler_t)(uintptr_t)call_handler)
		old = (sighandler_t)(uintptr_t)before;
	return old;
}

#define SIGNAL(name)                                                      \
	sighandler_t name(int number, sighandler_t handler)               \
	{                                                                 \
		sighandler_t old;                                         \
                                                                          \
		shim_enter(__builtin_return_address(0));                  \
		shim_flight_begins(SHIM_CALL_signal, -1, NULL, number, 0, \
		    __builtin_return_address(0));                         \
		old = take_over_by(real.name, number, handler);           \
		shim_flight_ends(old == SIG_ERR ? -1 : 0);                \
		shim_leave();                                             \
		return old;                                               \
	}

SIGNAL(signal)
SIGNAL(__sysv_signal)

/* -- jumps ------------------------------------------------------------------ */

void
longjmp(jmp_buf place, int value)
{
	if (!real.longjmp)
		shim_set_up();
	shim_flight_leaves_all();
	shim_handler_left();
	real.longjmp(place, value);
	abort();
}

void
siglongjmp(sigjmp_buf place, int value)
{
	if (!real.siglongjmp)
		shim_set_up();
	shim_flight_leaves_all();
	shim_handler_left();
	real.siglongjmp(place, value);
	abort();
}
