/*
 * Forms of locking, waiting and joining with a clock, and the try forms.
 * Where a tool does not stand before one, it is made of calls that the tool
 * knows, with the errors and the times of the form that was called.
 *
 * These calls go by their plain names: to the first definition, be it that of a
 * runtime in front or ours.
 */
#include "perturb.h"

enum { NS = 1000000000 };

/* -- moments of one clock by another --------------------------------------- */

/* A wait until a moment of CLOCK_REALTIME; returns an error number. */
typedef int wait_until(void *object, void *more, const struct timespec *until);

static bool
is_moment(const struct timespec *time)
{
	return time->tv_nsec >= 0 && time->tv_nsec < NS;
}

/* now + (until - then), where that is sooner than in a second; else now + 1. */
static struct timespec
slice(const struct timespec *now, const struct timespec *until,
    const struct timespec *then)
{
	struct timespec end = *now;
	long ns;

	if (until->tv_sec > then->tv_sec + 1) {
		end.tv_sec++;
		return end;
	}
	ns = (until->tv_sec - then->tv_sec) * NS + until->tv_nsec -
	    then->tv_nsec;
	if (ns <= 0)
		return end;
	end.tv_sec += (end.tv_nsec + ns) / NS;
	end.tv_nsec = (end.tv_nsec + ns) % NS;
	return end;
}

static bool
is_over(const struct timespec *now, const struct timespec *until)
{
	return now->tv_sec > until->tv_sec ||
	    (now->tv_sec == until->tv_sec && now->tv_nsec >= until->tv_nsec);
}

/*
 * A wait until a moment of another clock, by waits until moments of
 * CLOCK_REALTIME. Slices of a second, since that clock can be set. Returns
 * what the wait does, EINVAL for a clock that the C library refuses.
 */
static int
wait_by(wait_until *wait, void *object, void *more, clockid_t clock,
    const struct timespec *until)
{
	struct timespec then, now, end;
	int err;

	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return EINVAL;
	if (clock == CLOCK_REALTIME || !is_moment(until))
		return wait(object, more, until);
	do {
		clock_gettime(clock, &then);
		clock_gettime(CLOCK_REALTIME, &now);
		end = slice(&now, until, &then);
		err = wait(object, more, &end);
	} while (err == ETIMEDOUT && !is_over(&then, until));
	return err;
}

/* -- mutexes --------------------------------------------------------------- */

static int
mutex_until(void *mutex, void *unused, const struct timespec *until)
{
	(void)unused;
	return pthread_mutex_timedlock(mutex, until);
}

int
pthread_mutex_clocklock(pthread_mutex_t *restrict mutex, clockid_t clock,
    const struct timespec *restrict until)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_lock_called(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_pthread_mutex_clocklock, -1, mutex, clock,
	    shim_ns_until(clock, until), __builtin_return_address(0));
	if (config.watched && !config.knows_mutex_clocklock) {
		err = wait_by(mutex_until, mutex, NULL, clock, until);
	} else {
		shim_delay();
		err = shim_lock_answer(mutex);
		if (!err)
			err = real.pthread_mutex_clocklock(mutex, clock, until);
		shim_owner_died(mutex, err, true);
		shim_mutex_taken(
		    mutex, err, SHIM_TRIED, __builtin_return_address(0));
	}
	shim_flight_ends_err(err);
	shim_leave();
	return err;
}

int
pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(pthread_mutex_trylock, mutex, 0, 0,
	    real.pthread_mutex_trylock(mutex));
	shim_owner_died(mutex, err, true);
	shim_mutex_taken(mutex, err, SHIM_TRIED, __builtin_return_address(0));
	shim_leave();
	return err;
}

/* -- read-write locks ------------------------------------------------------ */

/* After a wait for one that ends by itself. */
static void
rwlock_taken(pthread_rwlock_t *lock, int err, enum shim_how how, void *caller)
{
	if (!err)
		shim_lock_taken(lock, shim_how_of(lock, how), caller);
}

/*
 * gcc's TSan knows the timed forms, Helgrind 3.19 those with a clock: the one
 * is the other with CLOCK_REALTIME.
 */
int
pthread_rwlock_timedrdlock(
    pthread_rwlock_t *restrict lock, const struct timespec *restrict until)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	if (config.valgrind && real.pthread_rwlock_clockrdlock)
		err = FLY_ERR(pthread_rwlock_timedrdlock, lock, CLOCK_REALTIME,
		    shim_ns_until(CLOCK_REALTIME, until),
		    real.pthread_rwlock_clockrdlock(
			lock, CLOCK_REALTIME, until));
	else
		err = FLY_ERR(pthread_rwlock_timedrdlock, lock, CLOCK_REALTIME,
		    shim_ns_until(CLOCK_REALTIME, until),
		    real.pthread_rwlock_timedrdlock(lock, until));
	rwlock_taken(lock, err, SHIM_TRIED_SHARED, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_rwlock_timedwrlock(
    pthread_rwlock_t *restrict lock, const struct timespec *restrict until)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	if (config.valgrind && real.pthread_rwlock_clockwrlock)
		err = FLY_ERR(pthread_rwlock_timedwrlock, lock, CLOCK_REALTIME,
		    shim_ns_until(CLOCK_REALTIME, until),
		    real.pthread_rwlock_clockwrlock(
			lock, CLOCK_REALTIME, until));
	else
		err = FLY_ERR(pthread_rwlock_timedwrlock, lock, CLOCK_REALTIME,
		    shim_ns_until(CLOCK_REALTIME, until),
		    real.pthread_rwlock_timedwrlock(lock, until));
	rwlock_taken(lock, err, SHIM_TRIED, __builtin_return_address(0));
	shim_leave();
	return err;
}

static int
read_lock_until(void *lock, void *unused, const struct timespec *until)
{
	(void)unused;
	return pthread_rwlock_timedrdlock(lock, until);
}

static int
write_lock_until(void *lock, void *unused, const struct timespec *until)
{
	(void)unused;
	return pthread_rwlock_timedwrlock(lock, until);
}

int
pthread_rwlock_clockrdlock(pthread_rwlock_t *restrict lock, clockid_t clock,
    const struct timespec *restrict until)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_lock_called(__builtin_return_address(0));
	if (config.tsan && !config.knows_rwlock_clock) {
		err = FLY_ERR(pthread_rwlock_clockrdlock, lock, clock,
		    shim_ns_until(clock, until),
		    wait_by(read_lock_until, lock, NULL, clock, until));
	} else {
		shim_delay();
		err = FLY_ERR(pthread_rwlock_clockrdlock, lock, clock,
		    shim_ns_until(clock, until),
		    real.pthread_rwlock_clockrdlock(lock, clock, until));
		rwlock_taken(
		    lock, err, SHIM_TRIED_SHARED, __builtin_return_address(0));
	}
	shim_leave();
	return err;
}

int
pthread_rwlock_clockwrlock(pthread_rwlock_t *restrict lock, clockid_t clock,
    const struct timespec *restrict until)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_lock_called(__builtin_return_address(0));
	if (config.tsan && !config.knows_rwlock_clock) {
		err = FLY_ERR(pthread_rwlock_clockwrlock, lock, clock,
		    shim_ns_until(clock, until),
		    wait_by(write_lock_until, lock, NULL, clock, until));
	} else {
		shim_delay();
		err = FLY_ERR(pthread_rwlock_clockwrlock, lock, clock,
		    shim_ns_until(clock, until),
		    real.pthread_rwlock_clockwrlock(lock, clock, until));
		rwlock_taken(
		    lock, err, SHIM_TRIED, __builtin_return_address(0));
	}
	shim_leave();
	return err;
}

/* -- semaphores ------------------------------------------------------------ */

static int
sem_until(void *sem, void *unused, const struct timespec *until)
{
	(void)unused;
	return sem_timedwait(sem, until) == 0 ? 0 : errno;
}

int
sem_clockwait(
    sem_t *restrict sem, clockid_t clock, const struct timespec *restrict until)
{
	int saved = errno, result;

	shim_enter(__builtin_return_address(0));
	shim_lock_called(__builtin_return_address(0));
	if (config.watched) {
		errno = FLY_ERR(sem_clockwait, sem, clock,
		    shim_ns_until(clock, until),
		    wait_by(sem_until, sem, NULL, clock, until));
		result = errno ? -1 : 0;
		if (!result)
			errno = saved;
	} else {
		shim_delay();
		result = FLY(sem_clockwait, -1, sem, clock,
		    shim_ns_until(clock, until),
		    real.sem_clockwait(sem, clock, until));
		if (result == 0)
			shim_taken_at(__builtin_return_address(0));
		shim_delay();
	}
	shim_leave();
	return result;
}

int
sem_trywait(sem_t *sem)
{
	int result;

	shim_enter(__builtin_return_address(0));
	result = FLY(sem_trywait, -1, sem, 0, 0, real.sem_trywait(sem));
	if (result == 0) {
		shim_acquire(sem);
		shim_acquire_by_handler();
		shim_taken_at(__builtin_return_address(0));
	}
	shim_leave();
	return result;
}

/* -- joining --------------------------------------------------------------- */

static int
join_until(void *thread, void *result, const struct timespec *until)
{
	return pthread_timedjoin_np(*(pthread_t *)thread, result, until);
}

int
pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock,
    const struct timespec *until)
{
	uint32_t number = shim_order_joining(thread);
	int err;

	shim_enter(__builtin_return_address(0));
	shim_flight_joins(SHIM_CALL_pthread_clockjoin_np, number, thread, clock,
	    shim_ns_until(clock, until), __builtin_return_address(0));
	if (!until) {
		err = pthread_join(thread, result);
	} else if (shim_is_main(thread) ||
	    (config.watched && !config.knows_clockjoin)) {
		err = wait_by(join_until, &thread, result, clock, until);
	} else {
		err = real.pthread_clockjoin_np(thread, result, clock, until);
		if (!err && !shim_is_main(thread)) {
			shim_count(&stats->joined);
			shim_order_joined(number, thread);
		}
	}
	shim_flight_ends_err(err);
	shim_leave();
	return err;
}
