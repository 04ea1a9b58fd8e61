/*
 * <threads.h>. glibc's functions call its pthreads from within, so TSan does
 * not see them, and crashes in a thread that it doesn't know; Helgrind misses
 * some. Under both they are therefore made of the pthread functions that the
 * tools know; glibc's types are pthread's own under another name. Otherwise
 * they are glibc's, with delays and counts.
 *
 * The pthread functions are called by their plain names on purpose: the call
 * goes to the first definition, be it ours or that of a runtime in front.
 */
#include "perturb.h"

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_t");
_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "once_flag");

/* Where a wrapper returns to. */
#define HERE __builtin_return_address(0)

/* What a new thread is started with; lies in a page that the thread frees. */
struct start {
	thrd_start_t routine;
	void *argument;
	uint64_t number;
};

/*
 * As shim_enter and shim_leave; but no runtime intercepts these functions, so
 * it is the program that calls us, also where a runtime stands in front.
 */
static void
c11_enter(void *caller)
{
	shim_enter(caller);
	shim_lock_called(caller);
	if (config.tsan_in_front)
		__tsan_func_entry(caller);
}

static void
c11_leave(void)
{
	if (config.tsan_in_front)
		__tsan_func_exit();
	shim_leave();
}

static pthread_mutex_t *
as_mutex(mtx_t *mutex)
{
	return (pthread_mutex_t *)mutex;
}

static pthread_cond_t *
as_cond(cnd_t *cond)
{
	return (pthread_cond_t *)cond;
}

/* A C11 result for a pthread function's error. */
static int
result_of(int err)
{
	switch (err) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case ETIMEDOUT:
		return thrd_timedout;
	case EBUSY:
		return thrd_busy;
	default:
		return thrd_error;
	}
}

/* The flight recorder's word for a result. */
static void
ended(int result)
{
	int error = 0;

	if (result == thrd_busy)
		error = EBUSY;
	else if (result == thrd_timedout)
		error = ETIMEDOUT;
	else if (result == thrd_nomem)
		error = ENOMEM;
	else if (result != thrd_success)
		error = EINVAL;
	shim_flight_ended(result, error);
}

/* -- threads --------------------------------------------------------------- */

static void *
main_by_pthreads(void *page)
{
	struct start start = *(struct start *)page;

	shim_page_free(page);
	return (void *)(intptr_t)start.routine(start.argument);
}

/* Counted by pthread_create. */
static int
create_by_pthreads(thrd_t *thread, struct start *start)
{
	int err;

	err =
	    pthread_create((pthread_t *)thread, NULL, main_by_pthreads, start);
	if (err)
		shim_page_free(start);
	return result_of(err);
}

static int
main_by_glibc(void *page)
{
	struct start start = *(struct start *)page;

	shim_page_free(page);
	shim_thread_begins(start.number);
	return start.routine(start.argument);
}

static int
create_by_glibc(thrd_t *thread, struct start *start)
{
	int result = thrd_error;

	if (!shim_thread_reserve(&start->number)) {
		shim_page_free(start);
		return thrd_error;
	}
	shim_flight_object(start->number);
	shim_order_creates(start->number, (void *)(uintptr_t)start->routine,
	    __builtin_return_address(0));
	result = real.thrd_create(thread, main_by_glibc, start);
	if (result != thrd_success) {
		shim_page_free(start);
		shim_thread_unreserve();
		return result;
	}
	shim_thread_created(false);
	shim_slow_creation();
	shim_delay();
	return result;
}

int
thrd_create(thrd_t *thread, thrd_start_t routine, void *argument)
{
	struct start *start;
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_thrd_create, -1, NULL, 0, -1, HERE);
	start = shim_page_new();
	if (!start) {
		result = thrd_nomem;
	} else {
		*start = (struct start){routine, argument, 0};
		result = config.watched ? create_by_pthreads(thread, start)
					: create_by_glibc(thread, start);
	}
	ended(result);
	c11_leave();
	return result;
}

int
thrd_detach(thrd_t thread)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(
	    SHIM_CALL_thrd_detach, -1, (void *)thread, 0, 0, HERE);
	if (config.watched || shim_is_main((pthread_t)thread)) {
		result = result_of(pthread_detach((pthread_t)thread));
	} else {
		result = real.thrd_detach(thread);
		if (result == thrd_success)
			shim_count(&stats->detached);
	}
	ended(result);
	c11_leave();
	return result;
}

int
thrd_join(thrd_t thread, int *value)
{
	void *returned = NULL;
	uint32_t number;
	int result;

	c11_enter(__builtin_return_address(0));
	number = shim_order_joining((pthread_t)thread);
	shim_flight_joins(
	    SHIM_CALL_thrd_join, number, (pthread_t)thread, 0, -1, HERE);
	if (config.watched || shim_is_main((pthread_t)thread)) {
		result = result_of(pthread_join((pthread_t)thread, &returned));
		if (result == thrd_success && value)
			*value = (int)(intptr_t)returned;
	} else {
		result = real.thrd_join(thread, value);
		if (result == thrd_success) {
			shim_count(&stats->joined);
			shim_order_joined(number, (pthread_t)thread);
		}
	}
	ended(result);
	c11_leave();
	return result;
}

void
call_once(once_flag *flag, void (*function)(void))
{
	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_call_once, -1, flag, 0, -1, HERE);
	if (config.watched)
		pthread_once((pthread_once_t *)flag, function);
	else
		real.call_once(flag, function);
	ended(thrd_success);
	c11_leave();
}

/* -- mutexes --------------------------------------------------------------- */

static int
mutex_init(pthread_mutex_t *mutex, int type)
{
	pthread_mutexattr_t attr;
	int err;

	err = pthread_mutexattr_init(&attr);
	if (err)
		return err;
	pthread_mutexattr_settype(&attr,
	    (type & mtx_recursive) ? PTHREAD_MUTEX_RECURSIVE
				   : PTHREAD_MUTEX_NORMAL);
	err = pthread_mutex_init(mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	return err;
}

int
mtx_init(mtx_t *mutex, int type)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_mtx_init, -1, mutex, 0, 0, HERE);
	shim_lock_ended(mutex);
	result = config.watched ? result_of(mutex_init(as_mutex(mutex), type))
				: real.mtx_init(mutex, type);
	ended(result);
	c11_leave();
	return result;
}

int
mtx_lock(mtx_t *mutex)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_mtx_lock, -1, mutex, 0, -1, HERE);
	if (config.watched) {
		result = result_of(pthread_mutex_lock(as_mutex(mutex)));
	} else {
		shim_delay();
		shim_lock_wanted(mutex, SHIM_EXCLUSIVE, HERE);
		result = real.mtx_lock(mutex);
		if (result == thrd_success)
			shim_lock_taken(mutex, SHIM_EXCLUSIVE, HERE);
	}
	ended(result);
	c11_leave();
	return result;
}

int
mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_mtx_timedlock, -1, mutex, CLOCK_REALTIME,
	    shim_ns_until(CLOCK_REALTIME, until), HERE);
	if (config.watched) {
		result =
		    result_of(pthread_mutex_timedlock(as_mutex(mutex), until));
	} else {
		shim_delay();
		result = real.mtx_timedlock(mutex, until);
		if (result == thrd_success)
			shim_lock_taken(mutex, SHIM_TRIED, HERE);
	}
	ended(result);
	c11_leave();
	return result;
}

int
mtx_trylock(mtx_t *mutex)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_mtx_trylock, -1, mutex, 0, 0, HERE);
	if (config.watched) {
		result = result_of(pthread_mutex_trylock(as_mutex(mutex)));
	} else {
		result = real.mtx_trylock(mutex);
		if (result == thrd_success)
			shim_lock_taken(mutex, SHIM_TRIED, HERE);
	}
	ended(result);
	c11_leave();
	return result;
}

int
mtx_unlock(mtx_t *mutex)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_mtx_unlock, -1, mutex, 0, 0, HERE);
	if (config.watched) {
		result = result_of(pthread_mutex_unlock(as_mutex(mutex)));
	} else {
		result = real.mtx_unlock(mutex);
		if (result == thrd_success)
			shim_lock_given(mutex);
		shim_delay();
	}
	ended(result);
	c11_leave();
	return result;
}

void
mtx_destroy(mtx_t *mutex)
{
	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_mtx_destroy, -1, mutex, 0, 0, HERE);
	if (config.watched)
		pthread_mutex_destroy(as_mutex(mutex));
	else
		real.mtx_destroy(mutex);
	shim_lock_ended(mutex);
	ended(thrd_success);
	c11_leave();
}

/* -- condition variables --------------------------------------------------- */

int
cnd_init(cnd_t *cond)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_cnd_init, -1, cond, 0, 0, HERE);
	result = config.watched
	    ? result_of(pthread_cond_init(as_cond(cond), NULL))
	    : real.cnd_init(cond);
	ended(result);
	c11_leave();
	return result;
}

int
cnd_signal(cnd_t *cond)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_cnd_signal, -1, cond, 0, 0, HERE);
	if (config.watched) {
		result = result_of(pthread_cond_signal(as_cond(cond)));
	} else {
		shim_delay();
		result = real.cnd_signal(cond);
		shim_delay();
	}
	ended(result);
	c11_leave();
	return result;
}

int
cnd_broadcast(cnd_t *cond)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_cnd_broadcast, -1, cond, 0, 0, HERE);
	if (config.watched) {
		result = result_of(pthread_cond_broadcast(as_cond(cond)));
	} else {
		shim_delay();
		result = real.cnd_broadcast(cond);
		shim_delay();
	}
	ended(result);
	c11_leave();
	return result;
}

int
cnd_wait(cnd_t *cond, mtx_t *mutex)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_cnd_wait, -1, cond, 0, -1, HERE);
	if (config.watched) {
		result = result_of(
		    pthread_cond_wait(as_cond(cond), as_mutex(mutex)));
	} else {
		shim_delay();
		shim_wait_begins(mutex, HERE);
		result = real.cnd_wait(cond, mutex);
		shim_wait_ended(mutex, HERE);
		shim_delay();
	}
	ended(result);
	c11_leave();
	return result;
}

int
cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex,
    const struct timespec *restrict until)
{
	int result;

	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_cnd_timedwait, -1, cond, CLOCK_REALTIME,
	    shim_ns_until(CLOCK_REALTIME, until), HERE);
	if (config.watched) {
		result = result_of(pthread_cond_timedwait(
		    as_cond(cond), as_mutex(mutex), until));
	} else {
		shim_delay();
		shim_wait_begins(mutex, HERE);
		result = real.cnd_timedwait(cond, mutex, until);
		shim_wait_ended(mutex, HERE);
		shim_delay();
	}
	ended(result);
	c11_leave();
	return result;
}

void
cnd_destroy(cnd_t *cond)
{
	c11_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_cnd_destroy, -1, cond, 0, -1, HERE);
	if (config.watched)
		pthread_cond_destroy(as_cond(cond));
	else
		real.cnd_destroy(cond);
	ended(thrd_success);
	c11_leave();
}
