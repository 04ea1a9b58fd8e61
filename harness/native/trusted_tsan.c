/*
 * ThreadSanitizer's hooks and options, linked into a student's TSan build and
 * itself compiled WITHOUT a sanitizer. Each symbol here is one by which a
 * program may change what TSan reports; being defined here, a definition in
 * the student's sources is a link error.
 *
 * -DTSAN_OPTIONS_TEXT='"..."' replaces the options. What the environment
 * variable TSAN_OPTIONS sets counts over both: the harness uses that for
 * log_path where no sandbox can bind /log.
 */
#include <stdatomic.h>
#include <stdbool.h>

/*
 * log_path: a directory that the harness binds into the sandbox.
 * io_sync=0: else TSan takes each transfer on any socket as synchronisation,
 *   which hides nearly every race of a server.
 * exitcode: of a program with a report that isn't the canary's, nor one on the
 *   order of locks.
 * history_size: remembers the stacks of earlier accesses for longer.
 */
#ifndef TSAN_OPTIONS_TEXT
#define TSAN_OPTIONS_TEXT                                           \
	"log_path=/log/tsan:io_sync=0:halt_on_error=0:exitcode=66:" \
	"report_bugs=1:report_thread_leaks=1:detect_deadlocks=1:"   \
	"second_deadlock_stack=1:history_size=4:atexit_sleep_ms=100"
#endif

/* trusted_fences.c's constant: where it is linked in, there are fences. */
extern const int lab_has_fences __attribute__((weak));

/* canary.c's variable: where it is linked in, one report is no failure. */
extern int lab_canary_variable __attribute__((weak));

static atomic_int reports;

const char *__tsan_default_options(void);
const char *__tsan_default_suppressions(void);
void __tsan_on_report(const void *report);
void __sanitizer_on_print(const char *text);

/* C++ functions of the runtime, by their names in the object file. */
void tsan_on_initialize(void) __asm__("_ZN6__tsan12OnInitializeEv");
bool tsan_on_report(const void *report, bool suppressed) __asm__(
    "_ZN6__tsan8OnReportEPKNS_10ReportDescEb");
bool tsan_on_finalize(bool failed) __asm__("_ZN6__tsan10OnFinalizeEb");

const char *
__tsan_default_options(void)
{
	return &lab_has_fences ? TSAN_OPTIONS_TEXT ":force_seq_cst_atomics=1"
			       : TSAN_OPTIONS_TEXT;
}

const char *
__tsan_default_suppressions(void)
{
	return "";
}

/* The runtime's; we only ask for the kind of a report. */
int __tsan_get_report_data(const void *report, const char **kind, int *count,
    int *stacks, int *accesses, int *locations, int *mutexes, int *threads,
    int *ids, void **sleep_stack, unsigned long sleep_frames);

/* As strcmp, which the runtime that calls us would take for the program's. */
static bool
same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/*
 * A report is written. One on the order of locks does not count: the shim's
 * record tells whether it is a fault, and if it is not, the program's own exit
 * status must be seen.
 */
void
__tsan_on_report(const void *report)
{
	const char *kind = "";
	void *sleep_stack[1];
	int n[7];

	__tsan_get_report_data(report, &kind, &n[0], &n[1], &n[2], &n[3], &n[4],
	    &n[5], &n[6], sleep_stack, 1);
	if (!same(kind, "lock-order-inversion"))
		atomic_fetch_add(&reports, 1);
}

/* Returns whether a report is kept back. */
bool
tsan_on_report(const void *report, bool suppressed)
{
	(void)report;
	return suppressed;
}

/*
 * Returns whether the process ends with TSan's exit code. Without this every
 * program would, because of the canary, and its own status would be lost.
 */
bool
tsan_on_finalize(bool failed)
{
	int expected = &lab_canary_variable ? 1 : 0;

	return failed && atomic_load(&reports) > expected;
}

void
tsan_on_initialize(void)
{
}

void
__sanitizer_on_print(const char *text)
{
	(void)text;
}
