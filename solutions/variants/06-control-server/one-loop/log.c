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
	bool failed;          /* (L) the last write did, which was said */
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

/* Counts the file's bytes and lines; a last line without its end gets one. */
static void
count_lines(void)
{
	char chunk[CHUNK];
	char last = '\n';
	size_t n;

	file.size = lseek(file.fd, 0, SEEK_END);
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
}

int
log_open(const char *path, bool on_stdout)
{
	file.fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (file.fd < 0)
		return -1;
	file.on_stdout = on_stdout;
	count_lines();
	return 0;
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
	struct timespec now;
	struct tm parts;
	size_t length;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec > file.last.tv_sec ||
	    (now.tv_sec == file.last.tv_sec && now.tv_nsec > file.last.tv_nsec))
		file.last = now;
	gmtime_r(&file.last.tv_sec, &parts);
	length =
	    strftime(text, LINE_SIZE - WORDS_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + length, LINE_SIZE - WORDS_SIZE - length, ".%03dZ",
	    (int)(file.last.tv_nsec / 1000000));
}

/*
 * Adds a line with the words. Time and line come under one lock: with the
 * time taken before, a thread could be overtaken by one with a later time.
 */
static void
append(const char *words)
{
	char time[LINE_SIZE - WORDS_SIZE], line[LINE_SIZE + 2];
	size_t length;
	ssize_t n;

	pthread_mutex_lock(&file.lock);
	format_time_locked(time);
	length = (size_t)snprintf(line, sizeof(line), "%s %s\n", time, words);
	n = write(file.fd, line, length);
	if (n == (ssize_t)length) {
		file.size += n;
		file.lines++;
		file.failed = false;
	} else {
		if (!file.failed)
			warn("write to the log");
		file.failed = true;
		/* Half a line is worse than none. */
		if (n > 0 && ftruncate(file.fd, file.size) < 0)
			warn("shorten the log");
	}
	pthread_mutex_unlock(&file.lock);
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
	char chunk[CHUNK];

	for (off_t end = size; end > 0;) {
		off_t start = end > CHUNK ? end - CHUNK : 0;
		size_t n = read_chunk(chunk, start, end);

		/* Each line ends in '\n'; before the first there is one more. */
		for (size_t i = n; i > 0; i--)
			if (chunk[i - 1] == '\n' && most-- == 0)
				return start + (off_t)i;
		end = start;
	}
	return 0;
}

/* Prints without the lock: what is in the file only log_clear changes. */
void
log_show(size_t most)
{
	char chunk[CHUNK];
	off_t at, size;
	size_t n;

	/* Lines that come while we print are added behind size. */
	pthread_mutex_lock(&file.lock);
	size = file.size;
	pthread_mutex_unlock(&file.lock);

	at = find_last(most, size);
	flockfile(stdout); /* others print their lines before or after ours */
	for (; (n = read_chunk(chunk, at, size)) > 0; at += (off_t)n)
		fwrite(chunk, 1, n, stdout);
	fflush(stdout);
	funlockfile(stdout);
}

/* Empties the file, and what is known of it, in one step. */
int
log_clear(void)
{
	int result;

	/*
	 * O_APPEND finds the new end. A file with a place of its own to write
	 * at would keep that, and get a hole of NUL bytes before it.
	 */
	pthread_mutex_lock(&file.lock);
	result = ftruncate(file.fd, 0);
	if (result == 0) {
		file.size = 0;
		file.lines = 0;
	}
	pthread_mutex_unlock(&file.lock);
	return result;
}
