/*
 * stdio. Its own locks, which a program takes by flockfile, are not the
 * pthread library's: the tools see no lock there. And it calls the kernel from
 * within the C library: so the tools hear of bytes through a pipe here, before
 * any output and after any input, wherever the bytes wait in between.
 *
 * No delays: a line on stdout would pay for each. But for one that is printed in
 * parts: what another thread prints between them shall be seen.
 *
 * Some of these functions are expanded in the program, and call others with
 * names of the library's own when a buffer is full or empty.
 */
#include "perturb.h"

#include <string.h>

/* Before bytes are put into a stream, or it is closed; NULL: any stream. */
static void
putting(FILE *stream)
{
	if (!config.watched)
		return;
	if (stream)
		shim_release_by(fileno_unlocked(stream));
	else
		shim_release_by_all();
}

/* After bytes were taken out of it. */
static void
got_from(FILE *stream)
{
	if (config.watched)
		shim_acquire_by(fileno_unlocked(stream));
}

/* -- for the flight recorder ------------------------------------------------ */

/* A stream's descriptor; -1: it has none. Keeps errno. */
static int
fd_of(FILE *stream)
{
	int saved = errno, fd = stream ? fileno_unlocked(stream) : -1;

	errno = saved;
	return fd;
}

/* What is recorded of a result: how many; of a byte or a line 0, -1 for none. */
static long
of_count(ssize_t count)
{
	return count;
}

static long
of_size(size_t count)
{
	return (long)count;
}

static long
of_byte(int byte)
{
	return byte == EOF ? -1 : 0;
}

static long
of_line(const char *line)
{
	return line ? 0 : -1;
}

#define RESULT_OF(result) \
	_Generic((result), char *   \
		 : of_line, size_t  \
		 : of_size, ssize_t \
		 : of_count, int    \
		 : of_byte)(result)

#define BEGINS(name, stream)                                               \
	shim_flight_begins(SHIM_CALL_##name, fd_of(stream), stream, 0, -1, \
	    __builtin_return_address(0))

#define PUT_ENDS(result) shim_flight_ends(RESULT_OF(result))

/* The end of the input is none of errno's. */
static void
got(long result, FILE *stream)
{
	bool failed = result == -1 && stream && ferror_unlocked(stream);

	shim_flight_ended(result, failed ? errno : 0);
}

#define GOT_ENDS(result, stream) got(RESULT_OF(result), stream)

/* -- the lock of a stream --------------------------------------------------- */

void
flockfile(FILE *stream)
{
	shim_enter(__builtin_return_address(0));
	shim_delay();
	shim_lock_wanted(stream, SHIM_EXCLUSIVE, __builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_flockfile, -1, stream, 0, -1,
	    __builtin_return_address(0));
	real.flockfile(stream);
	shim_flight_ended(0, 0);
	shim_acquire(stream);
	shim_lock_taken(stream, SHIM_EXCLUSIVE, __builtin_return_address(0));
	shim_leave();
}

int
ftrylockfile(FILE *stream)
{
	int busy;

	shim_enter(__builtin_return_address(0));
	shim_flight_begins(SHIM_CALL_ftrylockfile, -1, stream, 0, 0,
	    __builtin_return_address(0));
	busy = real.ftrylockfile(stream);
	shim_flight_ended(busy, busy ? EBUSY : 0);
	if (!busy) {
		shim_acquire(stream);
		shim_lock_taken(
		    stream, SHIM_TRIED, __builtin_return_address(0));
	}
	shim_leave();
	return busy;
}

void
funlockfile(FILE *stream)
{
	shim_enter(__builtin_return_address(0));
	shim_release(stream);
	shim_flight_begins(SHIM_CALL_funlockfile, -1, stream, 0, 0,
	    __builtin_return_address(0));
	real.funlockfile(stream);
	shim_flight_ended(0, 0);
	shim_lock_given(stream);
	shim_delay();
	shim_leave();
}

/* -- output ----------------------------------------------------------------- */

/* After a text or a format was put: a delay where the line is not at its end. */
static void
within_line(const char *text)
{
	size_t length = strlen(text);

	if (length > 0 && text[length - 1] != '\n')
		shim_delay();
}

/* A function that puts something into a stream, its call, and what comes then. */
#define PUTS_THEN(type, name, parameters, stream, call, then) \
	type name parameters                                  \
	{                                                     \
		type result;                                  \
                                                              \
		shim_enter(__builtin_return_address(0));      \
		putting(stream);                              \
		BEGINS(name, stream);                         \
		result = real.call;                           \
		PUT_ENDS(result);                             \
		then;                                         \
		shim_leave();                                 \
		return result;                                \
	}
#define PUTS(type, name, parameters, stream, call) \
	PUTS_THEN(type, name, parameters, stream, call, )

#undef putc
#undef putchar
#undef putc_unlocked
#undef putchar_unlocked
#undef fputc_unlocked
#undef fwrite_unlocked
#undef fflush_unlocked

PUTS_THEN(int, fputs, (const char *restrict text, FILE *restrict stream),
    stream, fputs(text, stream), within_line(text))
PUTS(int, fputs_unlocked, (const char *restrict text, FILE *restrict stream),
    stream, fputs_unlocked(text, stream))
PUTS(int, fputc, (int byte, FILE *stream), stream, fputc(byte, stream))
PUTS(int, putc, (int byte, FILE *stream), stream, putc(byte, stream))
PUTS(int, fputc_unlocked, (int byte, FILE *stream), stream,
    fputc_unlocked(byte, stream))
PUTS(int, putc_unlocked, (int byte, FILE *stream), stream,
    fputc_unlocked(byte, stream))
PUTS(int, __overflow, (FILE * stream, int byte), stream,
    __overflow(stream, byte))
PUTS(size_t, fwrite,
    (const void *restrict data, size_t size, size_t count,
	FILE *restrict stream),
    stream, fwrite(data, size, count, stream))
PUTS(size_t, fwrite_unlocked,
    (const void *restrict data, size_t size, size_t count,
	FILE *restrict stream),
    stream, fwrite_unlocked(data, size, count, stream))
PUTS_THEN(int, vfprintf,
    (FILE *restrict stream, const char *restrict format, va_list values),
    stream, vfprintf(stream, format, values), within_line(format))
PUTS_THEN(int, vprintf, (const char *restrict format, va_list values), stdout,
    vfprintf(stdout, format, values), within_line(format))
PUTS(int, puts, (const char *text), stdout, puts(text))
PUTS(int, putchar, (int byte), stdout, putchar(byte))
PUTS(int, putchar_unlocked, (int byte), stdout, fputc_unlocked(byte, stdout))
PUTS(int, fflush, (FILE * stream), stream, fflush(stream))
PUTS(int, fflush_unlocked, (FILE * stream), stream, fflush_unlocked(stream))
PUTS(int, fclose, (FILE * stream), stream, fclose(stream))

int
fprintf(FILE *restrict stream, const char *restrict format, ...)
{
	va_list values;
	int result;

	shim_enter(__builtin_return_address(0));
	putting(stream);
	va_start(values, format);
	BEGINS(fprintf, stream);
	result = (int)shim_flight_ends(real.vfprintf(stream, format, values));
	va_end(values);
	within_line(format);
	shim_leave();
	return result;
}

int
printf(const char *restrict format, ...)
{
	va_list values;
	int result;

	shim_enter(__builtin_return_address(0));
	putting(stdout);
	va_start(values, format);
	BEGINS(printf, stdout);
	result = (int)shim_flight_ends(real.vfprintf(stdout, format, values));
	va_end(values);
	within_line(format);
	shim_leave();
	return result;
}

int
vdprintf(int fd, const char *restrict format, va_list values)
{
	int result;

	shim_enter(__builtin_return_address(0));
	shim_release_by(fd);
	result =
	    FLY(vdprintf, fd, NULL, 0, -1, real.vdprintf(fd, format, values));
	shim_leave();
	return result;
}

int
dprintf(int fd, const char *restrict format, ...)
{
	va_list values;
	int result;

	shim_enter(__builtin_return_address(0));
	shim_release_by(fd);
	va_start(values, format);
	result =
	    FLY(dprintf, fd, NULL, 0, -1, real.vdprintf(fd, format, values));
	va_end(values);
	shim_leave();
	return result;
}

/* -- input ------------------------------------------------------------------ */

/* A function that takes something out of a stream, and its call. */
#define GETS(type, name, parameters, stream, call)       \
	type name parameters                             \
	{                                                \
		type result;                             \
                                                         \
		shim_enter(__builtin_return_address(0)); \
		BEGINS(name, stream);                    \
		result = real.call;                      \
		GOT_ENDS(result, stream);                \
		got_from(stream);                        \
		shim_leave();                            \
		return result;                           \
	}

#undef getc
#undef getchar
#undef getc_unlocked
#undef getchar_unlocked
#undef fgetc_unlocked
#undef fread_unlocked

GETS(char *, fgets, (char *restrict line, int size, FILE *restrict stream),
    stream, fgets(line, size, stream))
GETS(char *, fgets_unlocked,
    (char *restrict line, int size, FILE *restrict stream), stream,
    fgets_unlocked(line, size, stream))
GETS(int, fgetc, (FILE * stream), stream, fgetc(stream))
GETS(int, getc, (FILE * stream), stream, getc(stream))
GETS(int, getchar, (void), stdin, getc(stdin))
GETS(int, fgetc_unlocked, (FILE * stream), stream, fgetc_unlocked(stream))
GETS(int, getc_unlocked, (FILE * stream), stream, fgetc_unlocked(stream))
GETS(int, getchar_unlocked, (void), stdin, fgetc_unlocked(stdin))
GETS(int, __uflow, (FILE * stream), stream, __uflow(stream))
GETS(size_t, fread,
    (void *restrict data, size_t size, size_t count, FILE *restrict stream),
    stream, fread(data, size, count, stream))
GETS(size_t, fread_unlocked,
    (void *restrict data, size_t size, size_t count, FILE *restrict stream),
    stream, fread_unlocked(data, size, count, stream))
GETS(ssize_t, __getdelim,
    (char **restrict line, size_t *restrict size, int delimiter,
	FILE *restrict stream),
    stream, __getdelim(line, size, delimiter, stream))
GETS(ssize_t, getdelim,
    (char **restrict line, size_t *restrict size, int delimiter,
	FILE *restrict stream),
    stream, __getdelim(line, size, delimiter, stream))
GETS(ssize_t, getline,
    (char **restrict line, size_t *restrict size, FILE *restrict stream),
    stream, __getdelim(line, size, '\n', stream))

/*
 * Headers give fscanf other names, by the standard that is asked for: those
 * of C99 and of C23, which read other numbers. Each has its own real function.
 */
#define SCANFS(X)                            \
	X(fscanf, vfscanf)                   \
	X(__isoc99_fscanf, __isoc99_vfscanf) \
	X(__isoc23_fscanf, __isoc23_vfscanf)

typedef int scan(
    FILE *restrict stream, const char *restrict format, va_list values);

#define SCAN(name, listed)                                                    \
	int shim_##name(FILE *restrict stream, const char *restrict format,   \
	    ...) __asm__(#name);                                              \
	int shim_##listed(FILE *restrict stream, const char *restrict format, \
	    va_list values) __asm__(#listed);                                 \
                                                                              \
	static scan *real_##listed;                                           \
                                                                              \
	int shim_##listed(FILE *restrict stream, const char *restrict format, \
	    va_list values)                                                   \
	{                                                                     \
		int result;                                                   \
                                                                              \
		shim_enter(__builtin_return_address(0));                      \
		BEGINS(fscanf, stream);                                       \
		result = real_##listed(stream, format, values);               \
		GOT_ENDS(result, stream);                                     \
		got_from(stream);                                             \
		shim_leave();                                                 \
		return result;                                                \
	}                                                                     \
                                                                              \
	int shim_##name(                                                      \
	    FILE *restrict stream, const char *restrict format, ...)          \
	{                                                                     \
		va_list values;                                               \
		int result;                                                   \
                                                                              \
		shim_enter(__builtin_return_address(0));                      \
		va_start(values, format);                                     \
		BEGINS(fscanf, stream);                                       \
		result = real_##listed(stream, format, values);               \
		GOT_ENDS(result, stream);                                     \
		va_end(values);                                               \
		got_from(stream);                                             \
		shim_leave();                                                 \
		return result;                                                \
	}

SCANFS(SCAN)

void
shim_stdio_set_up(void)
{
#define SCAN_FIND(name, listed) shim_find(#listed, &real_##listed, false);
	SCANFS(SCAN_FIND)
#undef SCAN_FIND
}
