/*
 * The hooks and options of AddressSanitizer, LeakSanitizer and
 * UndefinedBehaviorSanitizer, linked into a student's ASan build and itself
 * compiled WITHOUT a sanitizer: a definition of one of these in the student's
 * sources is a link error.
 *
 * -DASAN_OPTIONS_TEXT and -DUBSAN_OPTIONS_TEXT replace the options. The
 * environment's ASAN_OPTIONS and UBSAN_OPTIONS count over both: the harness
 * uses them for log_path where no sandbox can bind /log.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/*
 * halt_on_error: after one error the rest is noise.
 * detect_stack_use_after_return: a thread that is given the address of a local
 *   variable of a function which then returns.
 * verify_asan_link_order=0: gcc's runtime insists on being the first library,
 *   but perturb.so stands before it.
 */
#ifndef ASAN_OPTIONS_TEXT
#define ASAN_OPTIONS_TEXT                                                  \
	"log_path=/log/asan:exitcode=67:halt_on_error=1:abort_on_error=0:" \
	"detect_leaks=1:detect_stack_use_after_return=1:"                  \
	"strict_string_checks=1:verify_asan_link_order=0"
#endif

/*
 * gcc's UBSan has a runtime, and so options and a log, of its own.
 * halt_on_error=0: which errors end the program is compiled into it.
 * log_path: not ASan's, for a runtime empties the log that it opens.
 */
#ifndef UBSAN_OPTIONS_TEXT
#define UBSAN_OPTIONS_TEXT                                                    \
	"log_path=/log/asan-ub:exitcode=67:halt_on_error=0:abort_on_error=0:" \
	"print_stacktrace=1:report_error_type=1"
#endif

enum { PATH_BYTES = 4096 };

const char *__asan_default_options(void);
const char *__asan_default_suppressions(void);
void __asan_on_error(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void);
int __lsan_is_turned_off(void);
const char *__ubsan_default_options(void);
void __ubsan_on_report(void);
void __sanitizer_on_print(const char *text);

const char *
__asan_default_options(void)
{
	return ASAN_OPTIONS_TEXT;
}

const char *
__asan_default_suppressions(void)
{
	return "";
}

void
__asan_on_error(void)
{
}

const char *
__lsan_default_options(void)
{
	return "";
}

const char *
__lsan_default_suppressions(void)
{
	return "";
}

int
__lsan_is_turned_off(void)
{
	return 0;
}

const char *
__ubsan_default_options(void)
{
	return UBSAN_OPTIONS_TEXT;
}

void
__ubsan_on_report(void)
{
}

void
__sanitizer_on_print(const char *text)
{
	(void)text;
}

/* Copy the value of log_path in options to path. Returns 0 if it has none. */
static int
log_path_in(const char *options, char path[PATH_BYTES])
{
	const char *value = options ? strstr(options, "log_path=") : NULL;
	size_t len;

	if (!value)
		return 0;
	value += strlen("log_path=");
	len = strcspn(value, ":");
	if (len >= PATH_BYTES)
		return 0;
	memcpy(path, value, len);
	path[len] = '\0';
	return 1;
}

/*
 * gcc's two runtimes have a function of the same name to set the log's path;
 * UBSan calls it, and the dynamic linker gives it ASan's. Its reports would go
 * to stderr, which the student's program may close: so call its own one.
 */
__attribute__((constructor)) static void
ubsan_set_log(void)
{
	void *library = dlopen("libubsan.so.1", RTLD_NOW | RTLD_NOLOAD);
	void (*set_path)(const char *) = NULL;
	char path[PATH_BYTES];
	void *found;

	if (!library)
		return;
	found = dlsym(library, "__sanitizer_set_report_path");
	memcpy(&set_path, &found, sizeof found);
	if (set_path &&
	    (log_path_in(getenv("UBSAN_OPTIONS"), path) ||
		log_path_in(UBSAN_OPTIONS_TEXT, path)))
		set_path(path);
}
