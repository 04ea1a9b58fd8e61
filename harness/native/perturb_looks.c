/*
 * Looks at the harness: the directories that it lays beside a program for the
 * tools' sake are nothing to a server of these labs; a program that looks there
 * asks whether it is watched, or wants to change what was written about it.
 *
 * Only the program's own calls count: tools and libraries look, too. What it
 * reads about itself in /proc is left alone, since correct programs do: to
 * close all descriptors, to tell which limit it has met. Whether it draws
 * conclusions from that is seen by its locks, labkit/reports/lockuse.py.
 */
#include "perturb.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { PATH_BYTES = 128 };

/* -- which paths tell ------------------------------------------------------ */

/*
 * Add the parts of a path to `plain`, which holds an absolute one without "."
 * and ".."; PATH_BYTES in all. What is longer is cut off: no path that tells
 * is so long.
 */
static void
add_parts(char *plain, const char *path)
{
	size_t length = strlen(plain);

	for (;;) {
		size_t part;

		path += strspn(path, "/");
		part = strcspn(path, "/");
		if (part == 0 || length + part + 2 > PATH_BYTES)
			return;
		if (part == 2 && strncmp(path, "..", 2) == 0) {
			while (length > 0 && plain[--length] != '/')
				continue;
		} else if (part != 1 || *path != '.') {
			plain[length++] = '/';
			memcpy(plain + length, path, part);
			length += part;
		}
		plain[length] = '\0';
		path += part;
	}
}

/* Where a relative path begins: at a descriptor's directory, or AT_FDCWD. */
static void
add_start(char *plain, int at)
{
	char link[32] = "/proc/self/cwd", start[PATH_BYTES];
	long length;

	if (at != AT_FDCWD)
		snprintf(link, sizeof link, "/proc/self/fd/%d", at);
	length =
	    syscall(SYS_readlinkat, AT_FDCWD, link, start, sizeof start - 1);
	if (length > 0) {
		start[length] = '\0';
		add_parts(plain, start);
	}
}

/* Whether a path is a directory's, or lies below it. */
static bool
below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 &&
	    (path[length] == '/' || path[length] == '\0');
}

/* Whether what a path leads to tells that a tool is there. */
static bool
tells(const char *path)
{
	static const char *const ours[] = {"/log", "/shim", "/native"};
	size_t i;

	for (i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (below(path, ours[i]))
			return true;
	return false;
}

/* Count a look, if it is one and the program's own; keeps errno. */
static void
look(int at, const char *path, const void *caller)
{
	char plain[PATH_BYTES] = "";
	int saved = errno;

	if (!path || !shim_is_program(caller))
		return;
	if (*path != '/')
		add_start(plain, at);
	add_parts(plain, path);
	if (tells(plain) && atomic_fetch_add(&stats->looks, 1) == 0)
		memcpy(stats->looked_at, plain, strlen(plain));
	errno = saved;
}

/* -- the calls ------------------------------------------------------------- */

/* clang-format off */
#define BEGIN(at, path)                                                        \
	shim_enter(__builtin_return_address(0));                               \
	look(at, path, __builtin_return_address(0))

/* The mode that open takes where it may make a file; else there is none. */
#define MODE_OF(flags, mode)                                                   \
	do {                                                                   \
		va_list rest;                                                  \
		va_start(rest, flags);                                         \
		if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))          \
			(mode) = va_arg(rest, mode_t);                         \
		va_end(rest);                                                  \
	} while (0)

#define OPEN(name, at, parameters, arguments)                                  \
	int name parameters                                                    \
	{                                                                      \
		mode_t mode = 0;                                               \
		int fd;                                                        \
                                                                               \
		BEGIN(at, path);                                               \
		MODE_OF(flags, mode);                                          \
		fd = FLY(name, -1, NULL, flags, 0, real.name arguments);       \
		shim_leave();                                                  \
		return fd;                                                     \
	}
OPEN(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, at, (int at, const char *path, int flags, ...),
    (at, path, flags, mode))
OPEN(openat64, at, (int at, const char *path, int flags, ...),
    (at, path, flags, mode))

/* A function that takes a path: result's type, name, parameters, arguments. */
#define LOOKING(type, name, at, parameters, arguments)                         \
	type name parameters                                                   \
	{                                                                      \
		type result;                                                   \
                                                                               \
		BEGIN(at, path);                                               \
		result = real.name arguments;                                  \
		shim_leave();                                                  \
		return result;                                                 \
	}

/* A function that opens a stream. */
#define OPEN_STREAM(name)                                                      \
	FILE *name(const char *restrict path, const char *restrict mode)       \
	{                                                                      \
		FILE *stream;                                                  \
                                                                               \
		BEGIN(AT_FDCWD, path);                                         \
		shim_flight_begins(SHIM_CALL_##name, -1, NULL, 0, 0,           \
		    __builtin_return_address(0));                              \
		stream = real.name(path, mode);                                \
		shim_flight_ends(stream ? fileno_unlocked(stream) : -1);       \
		shim_leave();                                                  \
		return stream;                                                 \
	}

OPEN_STREAM(fopen)
OPEN_STREAM(fopen64)
LOOKING(FILE *, freopen, AT_FDCWD, (const char *restrict path,
    const char *restrict mode, FILE *restrict stream), (path, mode, stream))
LOOKING(DIR *, opendir, AT_FDCWD, (const char *path), (path))
LOOKING(ssize_t, readlink, AT_FDCWD, (const char *restrict path,
    char *restrict buf, size_t len), (path, buf, len))
LOOKING(ssize_t, readlinkat, at, (int at, const char *restrict path,
    char *restrict buf, size_t len), (at, path, buf, len))
LOOKING(int, symlink, AT_FDCWD, (const char *path, const char *name),
    (path, name))
LOOKING(char *, realpath, AT_FDCWD,
    (const char *restrict path, char *restrict full), (path, full))
LOOKING(int, access, AT_FDCWD, (const char *path, int how), (path, how))
LOOKING(int, faccessat, at, (int at, const char *path, int how, int flags),
    (at, path, how, flags))
LOOKING(int, stat, AT_FDCWD,
    (const char *restrict path, struct stat *restrict status), (path, status))
LOOKING(int, lstat, AT_FDCWD,
    (const char *restrict path, struct stat *restrict status), (path, status))
LOOKING(int, stat64, AT_FDCWD, (const char *restrict path,
    struct stat64 *restrict status), (path, status))
LOOKING(int, lstat64, AT_FDCWD, (const char *restrict path,
    struct stat64 *restrict status), (path, status))
LOOKING(int, fstatat, at, (int at, const char *restrict path,
    struct stat *restrict status, int flags), (at, path, status, flags))
LOOKING(int, statx, at, (int at, const char *restrict path, int flags,
    unsigned mask, struct statx *restrict status),
    (at, path, flags, mask, status))
LOOKING(int, chdir, AT_FDCWD, (const char *path), (path))
LOOKING(int, scandir, AT_FDCWD, (const char *restrict path,
    struct dirent ***restrict names, int (*wanted)(const struct dirent *),
    int (*order)(const struct dirent **, const struct dirent **)),
    (path, names, wanted, order))
/* clang-format on */
