/*
 * Functions that a timer calls in a thread of its own (SIGEV_THREAD). The C
 * library starts that thread itself, TSan does not know it, and it crashes at
 * the first thing it does. Under TSan a thread that TSan knows takes the
 * timer's signal and starts another for the function, as the C library would.
 * A message queue's are left alone: the kernel tells them in a way of its own.
 */
#include "perturb.h"

#include <linux/futex.h>
#include <sys/syscall.h>

/* The signal by which the C library, too, hears of such timers. */
enum { NOTICE = 32, SET_BYTES = 8 };

/* What is to be called; a page for each timer, as long as the process lives. */
struct note {
	void (*function)(union sigval value);
	union sigval value;
};

static _Atomic pid_t taker; /* the thread that takes signals; 0: not yet */
static uint64_t notify_edge;

static void *
call_function(void *argument)
{
	struct note *note = argument;

	shim_acquire(&notify_edge);
	note->function(note->value);
	return NULL;
}

static void *
take_notices(void *unused)
{
	uint64_t set = UINT64_C(1) << (NOTICE - 1);
	pthread_attr_t detached;
	pthread_t thread;
	siginfo_t info;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	/* The C library would not block it, nor wait for it. */
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, SET_BYTES);
	atomic_store(&taker, (pid_t)syscall(SYS_gettid));
	syscall(SYS_futex, &taker, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	for (;;)
		if (syscall(SYS_rt_sigtimedwait, &set, &info, NULL,
			SET_BYTES) == NOTICE)
			real.pthread_create(&thread, &detached, call_function,
			    info.si_value.sival_ptr);
	return unused;
}

/* Start the thread that takes signals, once, and wait for it. */
static bool
begin(void)
{
	static atomic_bool begun;
	sigset_t all, before;
	pthread_attr_t detached;
	pthread_t thread;
	int err = 0;

	if (!atomic_exchange(&begun, true)) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		pthread_attr_init(&detached);
		pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
		err =
		    real.pthread_create(&thread, &detached, take_notices, NULL);
		pthread_attr_destroy(&detached);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	while (!err && atomic_load(&taker) == 0)
		syscall(
		    SYS_futex, &taker, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return err == 0;
}

/* The event that makes the kernel tell our thread; false: no room for it. */
static bool
notice_of(const struct sigevent *event, struct sigevent *mine)
{
	struct note *note = shim_page_new();

	if (!note || !begin())
		return false;
	note->function = event->sigev_notify_function;
	note->value = event->sigev_value;
	*mine = (struct sigevent){
	    .sigev_notify = SIGEV_THREAD_ID,
	    .sigev_signo = NOTICE,
	    .sigev_value.sival_ptr = note,
	};
	mine->_sigev_un._tid = atomic_load(&taker);
	return true;
}

int
timer_create(
    clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer)
{
	struct sigevent mine;
	int result = -1;

	shim_enter(__builtin_return_address(0));
	if (!config.tsan || config.tsan_in_front || !event ||
	    event->sigev_notify != SIGEV_THREAD)
		result = real.timer_create(clock, event, timer);
	else if (notice_of(event, &mine))
		result = real.timer_create(clock, &mine, timer);
	else
		errno = EAGAIN;
	shim_leave();
	return result;
}

/* Before a timer is set: the function that it calls comes after that. */
void
shim_release_by_notice(void)
{
	shim_release(&notify_edge);
}
