/*
 * Threads: how many there are, how many there may be, and what became of them.
 */
#include "perturb.h"

#include <sched.h>

/* More than gcc 12's TSan asks of a stack: it refuses one below 900 KiB. */
enum { TSAN_STACK_BYTES = 1 << 20 };

/* What a new thread is started with; lies in a page that the thread frees. */
struct start {
	void *(*routine)(void *);
	void *argument;
	uint64_t number;
};

/*
 * Its destructor runs in each thread when it ends, however it ends, but for the
 * end of the whole process. It is called as often as it sets the value again:
 * before the last of PTHREAD_DESTRUCTOR_ITERATIONS, in which TSan's own says
 * that the thread is no more. The value says how often it was.
 */
static pthread_key_t end_key;

enum { END_ROUNDS = 3 };
static const char of_main[END_ROUNDS], of_others[END_ROUNDS];

static atomic_uint_fast64_t last_number;

/*
 * A thread has ended. A destructor of thread-specific data rather than a
 * cleanup handler: both see return, pthread_exit and cancellation, but
 * pthread_cleanup_push calls setjmp, which TSan intercepts and which it cannot
 * take from a thread that it doesn't know yet. Asked for again until the last
 * round, after the program's own destructors, which may use locks.
 */
static void
thread_ends(void *round)
{
	bool main_thread =
	    round >= (void *)of_main && round < (void *)(of_main + END_ROUNDS);

	if (round != &of_main[END_ROUNDS - 1] &&
	    round != &of_others[END_ROUNDS - 1] &&
	    pthread_setspecific(end_key, (const char *)round + 1) == 0)
		return;
	shim_orphan_all();
	shim_flight_thread_ends();
	if (config.valgrind)
		shim_release((void *)pthread_self());
	if (main_thread) {
		shim_main_ends();
	} else {
		atomic_fetch_sub(&stats->alive, 1);
		shim_count(&stats->ended);
	}
	shim_last_ends();
}

void
shim_threads_set_up(void)
{
	if (pthread_key_create(&end_key, thread_ends) != 0 ||
	    pthread_setspecific(end_key, of_main) != 0)
		shim_die("no key for thread-specific data", "threads");
	shim_main_set_up();
}

/* Of all threads the child of a fork has the one that called it. */
void
shim_threads_forked(void)
{
	atomic_store(&stats->alive, pthread_getspecific(end_key) == of_others);
}

/* Never lower than what `alive` has been. */
static void
note_alive(uint64_t alive)
{
	uint64_t most = atomic_load(&stats->most_alive);

	while (alive > most &&
	    !atomic_compare_exchange_weak(&stats->most_alive, &most, alive))
		continue;
}

/*
 * Take a place for one more thread, and its number. Returns false where
 * PERTURB_MAX_THREADS are alive. One step for test and increment: of two
 * threads that create at the limit exactly one succeeds.
 */
bool
shim_thread_reserve(uint64_t *number)
{
	uint64_t alive = atomic_load(&stats->alive);
	uint64_t taken;

	do {
		if (alive >= config.max_threads) {
			shim_count(&stats->refused);
			return false;
		}
		taken = alive + 1;
	} while (!atomic_compare_exchange_weak(&stats->alive, &alive, taken));
	note_alive(taken);
	*number = atomic_fetch_add(&last_number, 1) + 1;
	return true;
}

/* Give the place back: the thread could not be created. */
void
shim_thread_unreserve(void)
{
	atomic_fetch_sub(&stats->alive, 1);
}

/* Called by the creating thread, after it succeeded. */
void
shim_thread_created(bool detached)
{
	shim_count(&stats->created);
	if (detached)
		shim_count(&stats->detached);
}

/* Called by the new thread, before the program's routine. */
void
shim_thread_begins(uint64_t number)
{
	shim_random_begin(number);
	shim_order_begins(number);
	shim_flight_thread(number);
	if (pthread_setspecific(end_key, of_others) != 0)
		shim_die("no thread-specific data", "threads");
	shim_delay();
}

static void *
thread_main(void *page)
{
	struct start start = *(struct start *)page;

	shim_page_free(page);
	shim_thread_begins(start.number);
	return start.routine(start.argument);
}

static bool
creates_detached(const pthread_attr_t *attr)
{
	int state = PTHREAD_CREATE_JOINABLE;

	if (attr)
		pthread_attr_getdetachstate(attr, &state);
	return state == PTHREAD_CREATE_DETACHED;
}

/*
 * A stack that the program has set itself and that gcc's TSan would refuse: its
 * runtime keeps thread-local state there. A default stack it enlarges.
 */
static bool
stack_is_too_small(const pthread_attr_t *attr)
{
	size_t size;
	void *stack;

	if (!config.tsan || config.tsan_in_front || !attr ||
	    pthread_attr_getstack(attr, &stack, &size) != 0)
		return false;
	/* Where no stack was set, the C library's answer ends at address 0. */
	return (uintptr_t)stack + size != 0 && size < TSAN_STACK_BYTES;
}

/*
 * Sets up a copy of attributes with all that POSIX knows but the stack, its
 * size and its guard. Returns an error number.
 */
static int
copy_without_stack(pthread_attr_t *copy, const pthread_attr_t *attr)
{
	struct sched_param param;
	int value, err;

	err = pthread_attr_init(copy);
	if (err)
		return err;
	if (pthread_attr_getdetachstate(attr, &value) == 0)
		pthread_attr_setdetachstate(copy, value);
	if (pthread_attr_getinheritsched(attr, &value) == 0)
		pthread_attr_setinheritsched(copy, value);
	if (pthread_attr_getschedpolicy(attr, &value) == 0)
		pthread_attr_setschedpolicy(copy, value);
	if (pthread_attr_getschedparam(attr, &param) == 0)
		pthread_attr_setschedparam(copy, &param);
	if (pthread_attr_getscope(attr, &value) == 0)
		pthread_attr_setscope(copy, value);
	return 0;
}

/* The real pthread_create, with a stack of TSan's liking. */
static int
create_with_room(
    pthread_t *thread, const pthread_attr_t *attr, struct start *start)
{
	pthread_attr_t copy;
	int err;

	if (!stack_is_too_small(attr))
		return real.pthread_create(thread, attr, thread_main, start);
	err = copy_without_stack(&copy, attr);
	if (err)
		return EAGAIN;
	err = real.pthread_create(thread, &copy, thread_main, start);
	pthread_attr_destroy(&copy);
	return err;
}

/* pthread_create through thread_main, counted. Returns its error. */
static int
create(pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *),
    void *argument, void *caller)
{
	bool detached = creates_detached(attr);
	struct start *start;
	uint64_t number;
	int err;

	if (!shim_thread_reserve(&number))
		return EAGAIN;
	shim_flight_object(number);
	start = shim_page_new();
	if (!start) {
		shim_thread_unreserve();
		return EAGAIN;
	}
	*start = (struct start){routine, argument, number};
	shim_order_creates(number, (void *)(uintptr_t)routine, caller);
	err = create_with_room(thread, attr, start);
	if (err) {
		shim_page_free(start);
		shim_thread_unreserve();
		return err;
	}
	shim_thread_created(detached);
	return 0;
}

int
pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr,
    void *(*routine)(void *), void *restrict argument)
{
	int err;

	shim_enter(__builtin_return_address(0));
	/*
	 * A TSan that stands before us passes attributes for every thread of
	 * the program, and none for its own background thread.
	 */
	if (config.tsan_in_front && !attr) {
		err = real.pthread_create(thread, attr, routine, argument);
	} else {
		err = FLY_ERR(pthread_create, NULL, 0, -1,
		    create(thread, attr, routine, argument,
			__builtin_return_address(0)));
		shim_slow_creation();
		shim_delay();
	}
	shim_leave();
	return err;
}

/* After a thread was joined, by a form that Helgrind may not know. */
static void
joined(pthread_t thread, uint32_t number)
{
	shim_count(&stats->joined);
	shim_order_joined(number, thread);
	if (config.valgrind)
		shim_acquire((void *)thread);
}

int
pthread_join(pthread_t thread, void **result)
{
	uint32_t number = shim_order_joining(thread);
	int err;

	shim_enter(__builtin_return_address(0));
	shim_flight_joins(SHIM_CALL_pthread_join, number, thread, 0, -1,
	    __builtin_return_address(0));
	if (shim_is_main(thread)) {
		err = shim_join_main(result);
	} else {
		err = real.pthread_join(thread, result);
		if (!err) {
			shim_count(&stats->joined);
			shim_order_joined(number, thread);
		}
	}
	shim_flight_ends_err(err);
	shim_leave();
	return err;
}

int
pthread_tryjoin_np(pthread_t thread, void **result)
{
	uint32_t number = shim_order_joining(thread);
	int err;

	shim_enter(__builtin_return_address(0));
	shim_flight_joins(SHIM_CALL_pthread_tryjoin_np, number, thread, 0, 0,
	    __builtin_return_address(0));
	if (shim_is_main(thread)) {
		err = shim_tryjoin_main(result);
	} else {
		err = real.pthread_tryjoin_np(thread, result);
		if (!err)
			joined(thread, number);
	}
	shim_flight_ends_err(err);
	shim_leave();
	return err;
}

int
pthread_timedjoin_np(
    pthread_t thread, void **result, const struct timespec *until)
{
	uint32_t number = shim_order_joining(thread);
	int err;

	shim_enter(__builtin_return_address(0));
	shim_flight_joins(SHIM_CALL_pthread_timedjoin_np, number, thread,
	    CLOCK_REALTIME, shim_ns_until(CLOCK_REALTIME, until),
	    __builtin_return_address(0));
	if (shim_is_main(thread)) {
		err = shim_timedjoin_main(result, until);
	} else {
		err = real.pthread_timedjoin_np(thread, result, until);
		if (!err)
			joined(thread, number);
	}
	shim_flight_ends_err(err);
	shim_leave();
	return err;
}

int
pthread_detach(pthread_t thread)
{
	int err;

	shim_enter(__builtin_return_address(0));
	if (shim_is_main(thread)) {
		err = shim_detach_main();
	} else {
		err = FLY_ERR(pthread_detach, (void *)thread, 0, 0,
		    real.pthread_detach(thread));
		if (!err)
			shim_count(&stats->detached);
	}
	shim_leave();
	return err;
}
