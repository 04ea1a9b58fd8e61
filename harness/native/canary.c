/*
 * A race before main, in every TSan build; compiled WITH -fsanitize=thread.
 * Every honest TSan log begins with a report on lab_canary_variable: where it
 * is missing, reports do not reach the log and a clean one proves nothing.
 *
 * The two threads are one thread of the kernel and two of TSan's (it calls
 * them fibers): both write the variable, nothing orders them, and so TSan
 * cannot miss it. No thread is started that a limit or a count would notice.
 */

extern void *__tsan_get_current_fiber(void);
extern void *__tsan_create_fiber(unsigned flags);
extern void __tsan_destroy_fiber(void *fiber);
extern void __tsan_switch_to_fiber(void *fiber, unsigned flags);

/* __tsan_switch_to_fiber: the switch orders nothing. */
enum { NO_SYNC = 1 };

extern int lab_canary_variable;
int lab_canary_variable;

__attribute__((constructor)) static void
lab_canary(void)
{
	void *self = __tsan_get_current_fiber();
	void *other = __tsan_create_fiber(0);

	lab_canary_variable = 1;
	__tsan_switch_to_fiber(other, NO_SYNC);
	lab_canary_variable = 2;
	__tsan_switch_to_fiber(self, NO_SYNC);
	__tsan_destroy_fiber(other);
}
