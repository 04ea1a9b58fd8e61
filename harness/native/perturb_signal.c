/*
 * Signals as messages. What a thread did before it sent a signal comes before
 * what is done by the one that waited for it: in sigwait and its kin, by a
 * signalfd, or in a call that the signal has ended. The tools know of none.
 */
#include "perturb.h"

/* -- sending --------------------------------------------------------------- */

int
kill(pid_t pid, int number)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_release_by_signal(number);
	result = FLY(kill, -1, NULL, number, pid, real.kill(pid, number));
	shim_leave();
	return result;
}

int
raise(int number)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_release_by_signal(number);
	result = FLY(raise, -1, NULL, number, 0, real.raise(number));
	shim_leave();
	return result;
}

int
tgkill(pid_t pid, pid_t thread, int number)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_release_by_signal(number);
	result = FLY(
	    tgkill, -1, NULL, number, thread, real.tgkill(pid, thread, number));
	shim_leave();
	return result;
}

int
pthread_kill(pthread_t thread, int number)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_release_by_signal(number);
	err = FLY_ERR(pthread_kill, (void *)thread, number, 0,
	    real.pthread_kill(thread, number));
	shim_leave();
	return err;
}

int
sigqueue(pid_t pid, int number, const union sigval value)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_release_by_signal(number);
	result = FLY(
	    sigqueue, -1, NULL, number, pid, real.sigqueue(pid, number, value));
	shim_leave();
	return result;
}

int
pthread_sigqueue(pthread_t thread, int number, const union sigval value)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_release_by_signal(number);
	err = FLY_ERR(pthread_sigqueue, (void *)thread, number, 0,
	    real.pthread_sigqueue(thread, number, value));
	shim_leave();
	return err;
}

/* -- timers that send ------------------------------------------------------ */

unsigned
alarm(unsigned seconds)
{
	unsigned left;

	shim_enter(__builtin_return_address(0));
	shim_flight_timer();
	shim_release_by_signal(SIGALRM);
	left = (unsigned)FLY(alarm, -1, NULL, 0, seconds * INT64_C(1000000000),
	    real.alarm(seconds));
	shim_leave();
	return left;
}

int
setitimer(__itimer_which_t which, const struct itimerval *restrict new,
    struct itimerval *restrict old)
{
	static const int numbers[] = {SIGALRM, SIGVTALRM, SIGPROF};
	int result;

	shim_enter(__builtin_return_address(0));
	shim_flight_timer();
	if ((unsigned)which < sizeof numbers / sizeof numbers[0])
		shim_release_by_signal(numbers[which]);
	result = real.setitimer(which, new, old);
	shim_leave();
	return result;
}

int
timer_settime(timer_t timer, int flags, const struct itimerspec *restrict new,
    struct itimerspec *restrict old)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_flight_timer();
	shim_release_by_signal(0);
	shim_release_by_notice();
	result = real.timer_settime(timer, flags, new, old);
	shim_leave();
	return result;
}

/* -- waiting for one ------------------------------------------------------- */

int
sigwait(const sigset_t *restrict set, int *restrict number)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(sigwait, NULL, 0, -1, real.sigwait(set, number));
	if (!err)
		shim_acquire_by_signal(*number);
	shim_leave();
	return err;
}

int
sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
	int number;

	shim_enter(__builtin_return_address(0));
	number = FLY(sigwaitinfo, -1, NULL, 0, -1, real.sigwaitinfo(set, info));
	shim_interrupted(number);
	shim_acquire_by_signal(number);
	shim_leave();
	return number;
}

int
sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
    const struct timespec *restrict timeout)
{
	int number;

	shim_enter(__builtin_return_address(0));
	number = FLY(sigtimedwait, -1, NULL, 0, shim_ns(timeout),
	    real.sigtimedwait(set, info, timeout));
	shim_interrupted(number);
	shim_acquire_by_signal(number);
	shim_leave();
	return number;
}

/* -- waiting until one has interrupted ------------------------------------- */

int
sigsuspend(const sigset_t *set)
{
	int result;

	shim_enter(__builtin_return_address(0));
	result = FLY(sigsuspend, -1, NULL, 0, -1, real.sigsuspend(set));
	shim_interrupted(result);
	shim_leave();
	return result;
}

int
pause(void)
{
	int result;

	shim_enter(__builtin_return_address(0));
	result = FLY(pause, -1, NULL, 0, -1, real.pause());
	shim_interrupted(result);
	shim_leave();
	return result;
}

int
nanosleep(const struct timespec *time, struct timespec *left)
{
	int result;

	shim_enter(__builtin_return_address(0));
	result = FLY(
	    nanosleep, -1, NULL, 0, shim_ns(time), real.nanosleep(time, left));
	shim_interrupted(result);
	shim_leave();
	return result;
}

int
usleep(useconds_t us)
{
	int result;

	shim_enter(__builtin_return_address(0));
	result = FLY(usleep, -1, NULL, 0, us * INT64_C(1000), real.usleep(us));
	shim_interrupted(result);
	shim_leave();
	return result;
}

unsigned
sleep(unsigned seconds)
{
	unsigned left;
	int saved = errno;

	shim_enter(__builtin_return_address(0));
	left = (unsigned)FLY(sleep, -1, NULL, 0, seconds * INT64_C(1000000000),
	    real.sleep(seconds));
	if (left > 0) {
		errno = EINTR;
		shim_interrupted(-1);
	}
	errno = saved;
	shim_leave();
	return left;
}

/* It returns the error, and leaves errno alone. */
int
clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
    struct timespec *left)
{
	int err, saved = errno;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(clock_nanosleep, NULL, clock,
	    flags & TIMER_ABSTIME ? shim_ns_until(clock, time) : shim_ns(time),
	    real.clock_nanosleep(clock, flags, time, left));
	errno = err;
	shim_interrupted(err ? -1 : 0);
	errno = saved;
	shim_leave();
	return err;
}
