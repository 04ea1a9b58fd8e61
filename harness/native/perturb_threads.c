/*
 * Threads: how many there are, how many there may be, and what became of them.
 */
#include "perturb.h"

#include <sched.h>

/* More than gcc 12's TSan asks of a stack: it refuses one below 900 KiB. */
enum { TSAN_STACK_BYTES = 1 << 20 };

/* Of four rounds of destructors; in the last TSan takes leave of the thread. */
enum { LAST_ROUND = 3 };

/* What a new thread is started with; lies in a page that the thread frees. */
struct start {
	void *(*routine)(void *);
	void *argument;
	uint64_t number;
};

/* Its destructor runs in each thread of ours when it ends, however it ends. */
static pthread_key_t end_key;

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
	uintptr_t n = (uintptr_t)round;

	if (n < LAST_ROUND &&
	    pthread_setspecific(end_key, (void *)(n + 1)) == 0)
		return;
	shim_orphan_all();
	if (config.valgrind)
		shim_release((void *)pthread_self());
	atomic_fetch_sub(&stats->alive, 1);
	shim_count(&stats->ended);
}

void
shim_threads_set_up(void)
{
	if (pthread_key_create(&end_key, thread_ends) != 0)
		shim_die("no key for thread-specific data", "threads");
}

/* Of all threads the child of a fork has the one that called it. */
void
shim_threads_forked(void)
{
	atomic_store(&stats->alive, pthread_getspecific(end_key) != NULL);
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
	if (pthread_setspecific(end_key, (void *)(uintptr_t)1) != 0)
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
    void *argument)
{
	bool detached = creates_detached(attr);
	struct start *start;
	uint64_t number;
	int err;

	if (!shim_thread_reserve(&number))
		return EAGAIN;
	start = shim_page_new();
	if (!start) {
		shim_thread_unreserve();
		return EAGAIN;
	}
	*start = (struct start){routine, argument, number};
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
		err = create(thread, attr, routine, argument);
		shim_slow_creation();
		shim_delay();
	}
	shim_leave();
	return err;
}

/* After a thread was joined, by a form that Helgrind may not know. */
static void
joined(pthread_t thread)
{
	shim_count(&stats->joined);
	if (config.valgrind)
		shim_acquire((void *)thread);
}

int
pthread_join(pthread_t thread, void **result)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = real.pthread_join(thread, result);
	if (!err)
		shim_count(&stats->joined);
	shim_leave();
	return err;
}

int
pthread_tryjoin_np(pthread_t thread, void **result)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = real.pthread_tryjoin_np(thread, result);
	if (!err)
		joined(thread);
	shim_leave();
	return err;
}

int
pthread_timedjoin_np(
    pthread_t thread, void **result, const struct timespec *until)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = real.pthread_timedjoin_np(thread, result, until);
	if (!err)
		joined(thread);
	shim_leave();
	return err;
}

int
pthread_detach(pthread_t thread)
{
	int err;

	shim_enter(__builtin_return_address(0));
	err = real.pthread_detach(thread);
	if (!err)
		shim_count(&stats->detached);
	shim_leave();
	return err;
}
