/*
 * A sanitizer's log stays open, whatever the program closes.
 *
 * A daemon closes all descriptors that it may have inherited: by closefrom, by
 * close_range, in a loop up to its limit, or those that /proc/self/fd lists.
 * One of them is the log, which the sanitizer has opened for itself. To the
 * program it is a descriptor that somebody left open: it may see it and close
 * it, once, and from then on that number is not open for it. The sanitizer
 * writes on. Where the program puts another file in that number's place, the
 * log moves to another one first.
 *
 * The log is known by where it lies: in the directory of PERTURB_STATS, where
 * a program has no business. Without a sanitizer there is none.
 */
#include "perturb.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum {
	MOST_LOGS = 8, /* two are known: ASan's and UBSan's */
	PATH_BYTES = 4096,
	NAME_BYTES = 64,
	ENTRIES_BYTES = 4096, /* of a directory, read at once */
	BITS = 64,
	NUMBERS = 1 << 20, /* of descriptors; more than the kernel gives */
};

/*
 * Of a process whose main thread has ended, /proc/self/fd is empty.
 */
#define OWN_DESCRIPTORS "/proc/thread-self/fd"

/* Where the logs lie, with a slash at its end; empty where there are none. */
static char log_directory[PATH_BYTES];

/* How a log is put under another number, for each sanitizer that is there. */
static void (*set_report_fd[2])(void *);

/* Numbers of logs that are closed for the program, a bit each. */
static _Atomic uint64_t closed_bits[NUMBERS / BITS];

extern void __sanitizer_set_report_fd(void *) __attribute__((weak));

/* gcc's UBSan has a log of its own, and a function of the same name. */
static void
find_ubsan(void)
{
	void *library = dlopen("libubsan.so.1", RTLD_NOW | RTLD_NOLOAD);
	void *found = NULL;

	if (library)
		found = dlsym(library, "__sanitizer_set_report_fd");
	memcpy(&set_report_fd[1], &found, sizeof found);
}

void
shim_close_set_up(const char *stats_path)
{
	const char *slash = strrchr(stats_path, '/');
	size_t len = slash ? (size_t)(slash - stats_path) + 1 : 0;

	if (!__sanitizer_set_report_fd || len >= sizeof log_directory)
		return;
	set_report_fd[0] = __sanitizer_set_report_fd;
	find_ubsan();
	memcpy(log_directory, stats_path, len);
}

/* Is this number, below 2^20, a sanitizer's log? Keeps errno. */
static bool
is_log(int fd)
{
	char name[NAME_BYTES], path[PATH_BYTES];
	size_t len = strlen(log_directory);
	int saved = errno;
	long got;

	if (len == 0 || fd < 0 || fd >= NUMBERS)
		return false;
	snprintf(name, sizeof name, OWN_DESCRIPTORS "/%d", fd);
	got = syscall(SYS_readlinkat, AT_FDCWD, name, path, sizeof path);
	errno = saved;
	return got > (long)len && memcmp(path, log_directory, len) == 0;
}

/* Note that the program has closed a log. Returns whether it had before. */
static bool
note_closed(int fd)
{
	uint64_t bit = UINT64_C(1) << (fd % BITS);

	return atomic_fetch_or(&closed_bits[fd / BITS], bit) & bit;
}

static bool
is_closed(int fd)
{
	return is_log(fd) && (closed_bits[fd / BITS] >> (fd % BITS) & 1);
}

bool
shim_closes_log(int fd, int *result)
{
	if (!is_log(fd))
		return false;
	*result = note_closed(fd) ? -1 : 0;
	if (*result < 0)
		errno = EBADF;
	return true;
}

/* -- many at once ---------------------------------------------------------- */

/* What the kernel writes for each name of a directory: getdents(2). */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

/* The logs among the entries that were read. Returns how many there are now. */
static size_t
logs_among(const char *entries, long size, int logs[MOST_LOGS], size_t count)
{
	long at = 0;

	while (at < size && count < MOST_LOGS) {
		const struct entry *entry = (const void *)(entries + at);
		char *end;
		long fd = strtol(entry->name, &end, 10);

		if (end != entry->name && is_log((int)fd))
			logs[count++] = (int)fd;
		at += entry->size;
	}
	return count;
}

/*
 * Writes the numbers of the logs to logs, in their order, and returns how many
 * there are. Straight from the kernel, since opendir allocates, and the child
 * of a fork may call closefrom while another thread held malloc's lock.
 */
static size_t
find_logs(int logs[MOST_LOGS])
{
	_Alignas(struct entry) char entries[ENTRIES_BYTES];
	size_t count = 0;
	long size;
	int fd;

	if (log_directory[0] == '\0')
		return 0;
	fd = (int)syscall(SYS_openat, AT_FDCWD, OWN_DESCRIPTORS,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (
	    (size = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0)
		count = logs_among(entries, size, logs, count);
	syscall(SYS_close, fd);
	return count;
}

/*
 * close_range in the pieces that the logs leave of it. Returns 0, or -1 with
 * errno; like the kernel it may have closed some of them by then.
 */
static int
close_around(unsigned first, unsigned last, int flags)
{
	int logs[MOST_LOGS], saved = errno;
	size_t i, count = find_logs(logs);

	errno = saved;
	for (i = 0; i < count && first <= last; i++) {
		unsigned log = (unsigned)logs[i];

		if (log < first || log > last)
			continue;
		if (log > first && real.close_range(first, log - 1, flags) < 0)
			return -1;
		if (!(flags & (int)CLOSE_RANGE_CLOEXEC))
			note_closed((int)log);
		first = log + 1;
	}
	return first <= last ? real.close_range(first, last, flags) : 0;
}

int
close_range(unsigned first, unsigned last, int flags)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	/* What the kernel would refuse, it refuses. */
	if (first > last)
		result = real.close_range(first, last, flags);
	else
		result = close_around(first, last, flags);
	shim_leave();
	return result;
}

void
closefrom(int lowest)
{
	int saved = errno;

	shim_enter(__builtin_return_address(0));
	shim_delay();
	/* Where the kernel has no close_range, glibc goes another way. */
	if (close_around(lowest > 0 ? (unsigned)lowest : 0, ~0U, 0) < 0)
		real.closefrom(lowest);
	errno = saved;
	shim_leave();
}

/* -- another file in a log's place ----------------------------------------- */

/* A log under this number gets another one. */
static void
make_way(int fd)
{
	int saved = errno;
	size_t i;
	long copy;

	if (!is_log(fd))
		return;
	copy = syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, fd + 1);
	for (i = 0; copy >= 0 && i < 2; i++)
		if (set_report_fd[i])
			set_report_fd[i]((void *)(uintptr_t)copy);
	errno = saved;
}

int
dup(int fd)
{
	int copy = -1;

	shim_enter(__builtin_return_address(0));
	if (is_closed(fd))
		errno = EBADF;
	else
		copy = FLY(dup, fd, NULL, 0, 0, real.dup(fd));
	shim_leave();
	return copy;
}

int
dup2(int fd, int copy)
{
	int result = -1;

	shim_enter(__builtin_return_address(0));
	if (is_closed(fd)) {
		errno = EBADF;
	} else {
		if (fd != copy)
			make_way(copy);
		result = FLY(dup2, fd, NULL, copy, 0, real.dup2(fd, copy));
	}
	shim_leave();
	return result;
}

int
dup3(int fd, int copy, int flags)
{
	int result = -1;

	shim_enter(__builtin_return_address(0));
	if (is_closed(fd)) {
		errno = EBADF;
	} else {
		if (fd != copy)
			make_way(copy);
		result =
		    FLY(dup3, fd, NULL, copy, 0, real.dup3(fd, copy, flags));
	}
	shim_leave();
	return result;
}

/* -- by other names -------------------------------------------------------- */

/*
 * fcntl, by which a loop may ask what is open. Each of its commands takes an
 * argument of a pointer's size, or none.
 */
static int
control(__typeof__(fcntl) *function, int fd, int command, void *argument)
{
	if (is_closed(fd)) {
		errno = EBADF;
		return -1;
	}
	return function(fd, command, argument);
}

/* Some of them give out a descriptor. */
static void
copied(int command, int result, void *caller)
{
	if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))
		shim_flight_opened(result, SHIM_CALL_fcntl, caller);
}

int
fcntl(int fd, int command, ...)
{
	void *argument;
	va_list rest;
	int result;

	va_start(rest, command);
	argument = va_arg(rest, void *);
	va_end(rest);
	shim_enter(__builtin_return_address(0));
	result = FLY(fcntl, fd, NULL, command, (intptr_t)argument,
	    control(real.fcntl, fd, command, argument));
	copied(command, result, __builtin_return_address(0));
	shim_leave();
	return result;
}

/* The same, for programs with 64-bit offsets. */
int
fcntl64(int fd, int command, ...)
{
	void *argument;
	va_list rest;
	int result;

	va_start(rest, command);
	argument = va_arg(rest, void *);
	va_end(rest);
	shim_enter(__builtin_return_address(0));
	result = FLY(fcntl, fd, NULL, command, (intptr_t)argument,
	    control(real.fcntl64, fd, command, argument));
	copied(command, result, __builtin_return_address(0));
	shim_leave();
	return result;
}

/*
 * close_range as programs called it before the C library had it; close, too.
 * The shim's own calls come this way, therefore nothing else is done here.
 */
long
syscall(long number, ...)
{
	long a[6];
	va_list rest;
	int result;
	size_t i;

	va_start(rest, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(rest, long);
	va_end(rest);
	if (!real.syscall)
		shim_set_up();
	if (number == SYS_close_range && (unsigned)a[0] <= (unsigned)a[1])
		return close_around((unsigned)a[0], (unsigned)a[1], (int)a[2]);
	if (number == SYS_close && shim_closes_log((int)a[0], &result))
		return result;
	return real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
