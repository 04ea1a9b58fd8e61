/*
 * A race before main, in every TSan build; compiled WITH -fsanitize=thread.
 * Every honest TSan log begins with a report on lab_canary_variable: where it
 * is missing, reports do not reach the log and a clean one proves nothing.
 *
 * The two threads are one thread of the kernel and two of TSan's (it calls
 * them fibers): both write the variable, nothing orders them, and so TSan
 * cannot miss it. No thread is started that a limit or a count would notice.
 *
 * The first report opens the log. Meanwhile the low descriptors are taken, so
 * that the log gets a high one: the program's own numbers are those that they
 * would be without the tool.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

extern void *__tsan_get_current_fiber(void);
extern void *__tsan_create_fiber(unsigned flags);
extern void __tsan_destroy_fiber(void *fiber);
extern void __tsan_switch_to_fiber(void *fiber, unsigned flags);

/* __tsan_switch_to_fiber: the switch orders nothing. */
enum { NO_SYNC = 1 };

enum { LOW = 200 }; /* descriptors that are taken */
enum { SPARE = 2 }; /* left for the log, where there are not so many */

extern int lab_canary_variable;
int lab_canary_variable;

/* Take up to LOW descriptors, not by open(2), which TSan would see. */
static int
take_descriptors(long *taken)
{
	int n = 0;

	while (n < LOW && (taken[n] = syscall(SYS_eventfd2, 0, 0)) >= 0)
		n++;
	for (int spare = 0; n < LOW && n > 0 && spare < SPARE; spare++)
		syscall(SYS_close, taken[--n]);
	return n;
}

static void
race(void)
{
	void *self = __tsan_get_current_fiber();
	void *other = __tsan_create_fiber(0);

	lab_canary_variable = 1;
	__tsan_switch_to_fiber(other, NO_SYNC);
	lab_canary_variable = 2;
	__tsan_switch_to_fiber(self, NO_SYNC);
	__tsan_destroy_fiber(other);
}

__attribute__((constructor)) static void
lab_canary(void)
{
	long taken[LOW];
	int n;

	n = take_descriptors(taken);
	race();
	while (n > 0)
		syscall(SYS_close, taken[--n]);
}
