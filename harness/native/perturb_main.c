/*
 * The main thread as one thread among others: it may end by pthread_exit while
 * others go on, be detached, and be joined. ThreadSanitizer has neither in
 * mind. It knows the main thread under no pthread_t, so that a join or detach
 * of it ends in a CHECK of the tool's (Helgrind: a join, in an assertion); and
 * its own background thread, which blocks nearly all signals, keeps a process
 * alive whose threads have all ended, though POSIX says that this is an exit
 * with status 0.
 *
 * So the main thread is joined and detached by the C library alone, with the
 * order that a join makes told to TSan; it is not counted with the threads
 * that the program has started; and the last thread that ends ends the process.
 */
#include "perturb.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* The C library's own functions, past all tools that stand before them. */
static struct {
	__typeof__(pthread_tryjoin_np) *tryjoin;
	__typeof__(pthread_timedjoin_np) *timedjoin;
	__typeof__(pthread_detach) *detach;
} library;

static pthread_t main_thread;
static atomic_bool main_has_ended;
static atomic_bool exiting;

/* Find a function of the C library in its handle, or end the process. */
static void
find_in_library(void *handle, const char *name, void *function)
{
	void *found = handle ? dlsym(handle, name) : NULL;

	if (!found)
		shim_die("there is no such function in the C library", name);
	memcpy(function, &found, sizeof found);
}

void
shim_main_set_up(void)
{
	void *handle = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	main_thread = pthread_self();
	find_in_library(handle, "pthread_tryjoin_np", &library.tryjoin);
	find_in_library(handle, "pthread_timedjoin_np", &library.timedjoin);
	find_in_library(handle, "pthread_detach", &library.detach);
}

bool
shim_is_main(pthread_t thread)
{
	return pthread_equal(thread, main_thread);
}

/* What every join of the main thread ends with. Returns its error. */
static int
joined(int err)
{
	if (!err && config.tsan)
		__tsan_acquire(&main_thread);
	return err;
}

/* By a call of which Helgrind, like TSan, does not know that it is a join. */
int
shim_join_main(void **result)
{
	return joined(library.timedjoin(main_thread, result, NULL));
}

int
shim_tryjoin_main(void **result)
{
	return joined(library.tryjoin(main_thread, result));
}

int
shim_timedjoin_main(void **result, const struct timespec *until)
{
	return joined(library.timedjoin(main_thread, result, until));
}

int
shim_detach_main(void)
{
	return library.detach(main_thread);
}

/* -- the end of the last thread --------------------------------------------- */

void
shim_main_ends(void)
{
	if (config.tsan)
		__tsan_release(&main_thread);
	atomic_store(&main_has_ended, true);
}

/*
 * exit is called once: of two threads that end at the same time the other one
 * may be the last, and goes the C library's way.
 */
void
shim_last_ends(void)
{
	if (config.tsan && atomic_load(&main_has_ended) &&
	    atomic_load(&stats->alive) == 0 && !atomic_exchange(&exiting, true))
		exit(0);
}
