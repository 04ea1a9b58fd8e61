/*
 * Mutexes, condition variables, read-write locks and semaphores: delays, and
 * what the tools do not know of them.
 *
 * A delay stands before a lock is taken and after it is given back, never
 * between: that is where another thread can come in between two critical
 * sections, while a delay inside would only make everything slower. The
 * try functions, in perturb_locks.c and perturb_timed.c, are not delayed.
 */
#include "perturb.h"

int
pthread_mutex_lock(pthread_mutex_t *mutex)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	err = shim_lock_answer(mutex);
	if (!err) {
		shim_lock_wanted(
		    mutex, SHIM_EXCLUSIVE, __builtin_return_address(0));
		err = FLY_ERR(pthread_mutex_lock, mutex, 0, -1,
		    real.pthread_mutex_lock(mutex));
	}
	shim_owner_died(mutex, err, true);
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
	err = shim_lock_answer(mutex);
	if (!err)
		err = FLY_ERR(pthread_mutex_timedlock, mutex, CLOCK_REALTIME,
		    shim_ns_until(CLOCK_REALTIME, until),
		    real.pthread_mutex_timedlock(mutex, until));
	shim_owner_died(mutex, err, false);
	shim_mutex_taken(mutex, err, SHIM_TRIED, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = shim_unlock_answer(mutex);
	err = FLY_ERR(pthread_mutex_unlock, mutex, 0, 0,
	    err ? err : real.pthread_mutex_unlock(mutex));
	if (!err)
		shim_lock_given(mutex);
	shim_delay();
	shim_leave();
	return err;
}

static int
real_wait(const struct shim_wait *w)
{
	return real.pthread_cond_wait(w->cond, w->mutex);
}

/*
 * The delay before a wait is where a signal gets lost that was not sent under
 * the mutex; the one after it where the condition has changed again.
 */
int
pthread_cond_wait(
    pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex)
{
	struct shim_wait wait = {cond, mutex, 0, NULL};
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_wait_begins(mutex, __builtin_return_address(0));
	err = FLY_ERR(
	    pthread_cond_wait, cond, 0, -1, shim_cond_wait(&wait, real_wait));
	shim_wait_ended(mutex, __builtin_return_address(0));
	shim_delay();
	shim_leave();
	return err;
}

/* The clock that a condition was made for, as glibc keeps it. */
static clockid_t
clock_of(const pthread_cond_t *cond)
{
	return cond->__data.__wrefs & 2 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

static int
real_timedwait(const struct shim_wait *w)
{
	return real.pthread_cond_timedwait(w->cond, w->mutex, w->until);
}

int
pthread_cond_timedwait(pthread_cond_t *restrict cond,
    pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
	struct shim_wait wait = {cond, mutex, 0, until};
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_wait_begins(mutex, __builtin_return_address(0));
	err = FLY_ERR(pthread_cond_timedwait, cond, clock_of(cond),
	    shim_ns_until(clock_of(cond), until),
	    shim_cond_wait(&wait, real_timedwait));
	shim_wait_ended(mutex, __builtin_return_address(0));
	shim_delay();
	shim_leave();
	return err;
}

static int
real_clockwait(const struct shim_wait *w)
{
	return real.pthread_cond_clockwait(
	    w->cond, w->mutex, w->clock, w->until);
}

int
pthread_cond_clockwait(pthread_cond_t *restrict cond,
    pthread_mutex_t *restrict mutex, clockid_t clock,
    const struct timespec *restrict until)
{
	struct shim_wait wait = {cond, mutex, clock, until};
	int err;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_wait_begins(mutex, __builtin_return_address(0));
	err = FLY_ERR(pthread_cond_clockwait, cond, clock,
	    shim_ns_until(clock, until), shim_cond_wait(&wait, real_clockwait));
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
	shim_cond_signalled(cond, false);
	err = FLY_ERR(
	    pthread_cond_signal, cond, 0, 0, real.pthread_cond_signal(cond));
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
	shim_cond_signalled(cond, true);
	err = FLY_ERR(pthread_cond_broadcast, cond, 0, 0,
	    real.pthread_cond_broadcast(cond));
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
	err = FLY_ERR(pthread_rwlock_rdlock, lock, 0, -1,
	    real.pthread_rwlock_rdlock(lock));
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
	err = FLY_ERR(pthread_rwlock_wrlock, lock, 0, -1,
	    real.pthread_rwlock_wrlock(lock));
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
	err = FLY_ERR(pthread_rwlock_unlock, lock, 0, 0,
	    real.pthread_rwlock_unlock(lock));
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
	result = FLY(sem_wait, -1, sem, 0, -1, real.sem_wait(sem));
	if (result == 0) {
		shim_acquire_by_handler();
		shim_taken_at(__builtin_return_address(0));
	}
	shim_interrupted(result);
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
	result = FLY(sem_timedwait, -1, sem, CLOCK_REALTIME,
	    shim_ns_until(CLOCK_REALTIME, until),
	    real.sem_timedwait(sem, until));
	if (result == 0) {
		shim_acquire(sem);
		shim_acquire_by_handler();
		shim_taken_at(__builtin_return_address(0));
	}
	shim_interrupted(result);
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
	shim_release(sem);
	result = FLY(sem_post, -1, sem, 0, 0, real.sem_post(sem));
	shim_delay();
	shim_leave();
	return result;
}
