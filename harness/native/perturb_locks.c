/*
 * Calls of locks that nothing else is done about: what they take and give is
 * put down in the record of locks, perturb_record.c.
 */
#include "perturb.h"

int
pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_lock_ended(mutex);
	err = FLY_ERR(pthread_mutex_init, mutex, 0, 0,
	    real.pthread_mutex_init(mutex, attr));
	shim_leave();
	return err;
}

int
pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(pthread_mutex_destroy, mutex, 0, 0,
	    real.pthread_mutex_destroy(mutex));
	if (!err)
		shim_lock_ended(mutex);
	shim_leave();
	return err;
}

int
pthread_rwlock_tryrdlock(pthread_rwlock_t *lock)
{
	enum shim_how how = shim_how_of(lock, SHIM_TRIED_SHARED);
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(pthread_rwlock_tryrdlock, lock, 0, 0,
	    real.pthread_rwlock_tryrdlock(lock));
	if (!err)
		shim_lock_taken(lock, how, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_rwlock_trywrlock(pthread_rwlock_t *lock)
{
	enum shim_how how = shim_how_of(lock, SHIM_TRIED);
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(pthread_rwlock_trywrlock, lock, 0, 0,
	    real.pthread_rwlock_trywrlock(lock));
	if (!err)
		shim_lock_taken(lock, how, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_rwlock_init(
    pthread_rwlock_t *restrict lock, const pthread_rwlockattr_t *restrict attr)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_lock_ended(lock);
	err = FLY_ERR(pthread_rwlock_init, lock, 0, 0,
	    real.pthread_rwlock_init(lock, attr));
	shim_leave();
	return err;
}

int
pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(pthread_rwlock_destroy, lock, 0, 0,
	    real.pthread_rwlock_destroy(lock));
	if (!err)
		shim_lock_ended(lock);
	shim_leave();
	return err;
}

int
pthread_spin_lock(pthread_spinlock_t *lock)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_lock_wanted(
	    (void *)lock, SHIM_EXCLUSIVE, __builtin_return_address(0));
	err = FLY_ERR(
	    pthread_spin_lock, lock, 0, 0, real.pthread_spin_lock(lock));
	if (!err)
		shim_lock_taken(
		    (void *)lock, SHIM_EXCLUSIVE, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_spin_trylock(pthread_spinlock_t *lock)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(
	    pthread_spin_trylock, lock, 0, 0, real.pthread_spin_trylock(lock));
	if (!err)
		shim_lock_taken(
		    (void *)lock, SHIM_TRIED, __builtin_return_address(0));
	shim_leave();
	return err;
}

int
pthread_spin_unlock(pthread_spinlock_t *lock)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(
	    pthread_spin_unlock, lock, 0, 0, real.pthread_spin_unlock(lock));
	if (!err)
		shim_lock_given((void *)lock);
	shim_leave();
	return err;
}

int
pthread_spin_init(pthread_spinlock_t *lock, int shared)
{
	int err;

	shim_enter(__builtin_return_address(0));
	shim_lock_ended((void *)lock);
	err = FLY_ERR(pthread_spin_init, lock, 0, 0,
	    real.pthread_spin_init(lock, shared));
	shim_leave();
	return err;
}

int
pthread_spin_destroy(pthread_spinlock_t *lock)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = FLY_ERR(
	    pthread_spin_destroy, lock, 0, 0, real.pthread_spin_destroy(lock));
	if (!err)
		shim_lock_ended((void *)lock);
	shim_leave();
	return err;
}
