#define _POSIX_C_SOURCE 200809L

#include "log.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	WORDS_SIZE = 256, /* room for the words of a line and their '\0' */
	LINE_SIZE = WORDS_SIZE + 32, /* and for the time */
	CHUNK = 16384,               /* bytes of the file read at once */
};

/*
 * The log. Key to the fields:
 *	(S) set by log_open, before there is a second thread
 *	(L) lock must be held
 * Under the lock nothing is done that could wait for a client or a terminal.
 */
static struct {
	int fd;         /* (S) with O_APPEND: each write goes to the end */
	bool on_stdout; /* (S) log_say prints, too */
	pthread_mutex_t lock;
	off_t size;           /* (L) bytes in the file */
	size_t lines;         /* (L) lines in the file */
	struct timespec last; /* (L) the time of the last line */
	bool failed;          /* (L) the last write did, and was reported */
} file = {.lock = PTHREAD_MUTEX_INITIALIZER};

/*
 * Reads up to CHUNK bytes of the file, those from start to end. Returns how
 * many they are, 0 where there are none any more.
 */
static size_t
read_chunk(char chunk[CHUNK], off_t start, off_t end)
{
	size_t size = end - start < CHUNK ? (size_t)(end - start) : CHUNK;
	ssize_t n = pread(file.fd, chunk, size, start);

	return n > 0 ? (size_t)n : 0;
}

/*
 * Counts the file's bytes and lines; a last line without its end gets one.
 * Returns 0, or -1 with the reason in errno: a pipe, say, has no size.
 */
static int
count_lines(void)
{
	char chunk[CHUNK];
	char last = '\n';
	size_t n;

	file.size = lseek(file.fd, 0, SEEK_END);
	if (file.size < 0)
		return -1;
	for (off_t at = 0; (n = read_chunk(chunk, at, file.size)) > 0;
	     at += (off_t)n) {
		for (size_t i = 0; i < n; i++)
			file.lines += chunk[i] == '\n';
		last = chunk[n - 1];
	}
	if (last != '\n' && write(file.fd, "\n", 1) == 1) {
		file.size++;
		file.lines++;
	}
	return 0;
}

int
log_open(const char *path, bool on_stdout)
{
	file.fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (file.fd < 0)
		return -1;
	file.on_stdout = on_stdout;
	return count_lines();
}

void
log_close(void)
{
	close(file.fd);
}

/*
 * Writes the time to text, as ISO 8601 has it, in UTC: local time goes back
 * an hour each autumn. A clock that was set back stands still for the log.
 */
static void
format_time_locked(char text[LINE_SIZE - WORDS_SIZE])
{
	/*
	 * TODO 4: so far the time stands still. clock_gettime(2), gmtime_r(3),
	 * strftime(3); and file.last.
	 */
	strcpy(text, "1970-01-01T00:00:00.000Z");
}

/*
 * Notes what write(2) has returned for a line of length bytes, and takes half
 * a line, which is worse than none, off the file. Returns the error to report:
 * 0 if there is none, or if the line before had one, too.
 */
static int
note_written_locked(ssize_t n, size_t length)
{
	int error = n < 0 ? errno : ENOSPC; /* a full disk cuts lines short */
	bool said = file.failed;

	file.failed = n != (ssize_t)length;
	if (!file.failed) {
		file.size += n;
		file.lines++;
		return 0;
	}
	if (n > 0 && ftruncate(file.fd, file.size) < 0)
		file.size += n;
	return said ? 0 : error;
}

/*
 * Adds a line with the words. Time and line come under one lock: with the
 * time taken before, a thread could be overtaken by one with a later time.
 */
static void
append(const char *words)
{
	/*
	 * TODO 4: so far nobody locks, and nobody counts. What belongs under
	 * the lock, and what does not?
	 */
	char time[LINE_SIZE - WORDS_SIZE];

	(void)note_written_locked;
	format_time_locked(time);
	dprintf(file.fd, "%s %s\n", time, words);
}

void
log_write(const char *format, ...)
{
	char words[WORDS_SIZE];
	va_list values;

	va_start(values, format);
	vsnprintf(words, sizeof(words), format, values);
	va_end(values);
	append(words);
}

void
log_say(const char *format, ...)
{
	char words[WORDS_SIZE];
	va_list values;

	va_start(values, format);
	vsnprintf(words, sizeof(words), format, values);
	va_end(values);
	append(words);
	/* The lock is released: stdout may be a pipe that nobody reads. */
	if (file.on_stdout)
		printf("%s\n", words);
}

size_t
log_lines(void)
{
	size_t lines;

	pthread_mutex_lock(&file.lock);
	lines = file.lines;
	pthread_mutex_unlock(&file.lock);
	return lines;
}

/* Where the last most lines of the file's first size bytes begin. */
static off_t
find_last(size_t most, off_t size)
{
	/*
	 * TODO 4: read the file from its end, a chunk at a time, and count the
	 * ends of lines.
	 */
	(void)most;
	(void)size;
	return 0;
}

/* Prints without the lock: what is in the file only log_clear changes. */
void
log_show(size_t most)
{
	/*
	 * TODO 4: from find_last's place to the end that the file has now. The
	 * log's lock for as short as possible; and stdout's, flockfile(3).
	 */
	(void)most;
	(void)find_last;
}

/* Empties the file, and what is known of it, in one step. */
int
log_clear(void)
{
	/* TODO 5: ftruncate(2), and what is known of the file. */
	(void)file;
	return 0;
}
