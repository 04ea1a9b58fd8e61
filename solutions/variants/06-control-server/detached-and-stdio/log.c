/*
 * log - here by stdio, in local time with its offset from UTC, and with all
 * that `logs` shows copied before a line of it is printed
 */

#define _POSIX_C_SOURCE 200809L

#include "log.h"

#include <err.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
	FILE *stream;   /* for adding, a line at a time */
	bool on_stdout; /* log_say prints, too */
	pthread_mutex_t lock;
	size_t lines; /* the lock must be held for these */
	long long last_ms;
} file = {.lock = PTHREAD_MUTEX_INITIALIZER};

int
log_open(const char *path, bool on_stdout)
{
	int c;

	file.stream = fopen(path, "a+");
	if (file.stream == NULL)
		return -1;
	while ((c = getc(file.stream)) != EOF)
		file.lines += c == '\n';
	fseek(file.stream, 0, SEEK_END);
	file.on_stdout = on_stdout;
	return 0;
}

void
log_close(void)
{
	fclose(file.stream);
}

/* Writes the time; one that was set back stands still. */
static void
put_time_locked(void)
{
	struct timespec now;
	struct tm parts;
	char day[32], zone[8];
	long long ms;
	time_t seconds;

	clock_gettime(CLOCK_REALTIME, &now);
	ms = (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (ms < file.last_ms)
		ms = file.last_ms;
	file.last_ms = ms;
	seconds = (time_t)(ms / 1000);
	localtime_r(&seconds, &parts);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
	strftime(zone, sizeof(zone), "%z", &parts);
	fprintf(file.stream, "%s.%03d%s ", day, (int)(ms % 1000), zone);
}

static void
append(const char *format, va_list values)
{
	pthread_mutex_lock(&file.lock);
	put_time_locked();
	vfprintf(file.stream, format, values);
	putc('\n', file.stream);
	if (fflush(file.stream) != 0)
		warn("write to the log");
	file.lines++;
	pthread_mutex_unlock(&file.lock);
}

void
log_write(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	append(format, values);
	va_end(values);
}

void
log_say(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	append(format, values);
	va_end(values);
	if (!file.on_stdout)
		return;
	va_start(values, format);
	flockfile(stdout);
	vprintf(format, values);
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
	va_end(values);
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

/* A copy of the whole log, to be freed, or NULL; and its size. */
static char *
copy_log(size_t *size)
{
	char *copy = NULL;
	long end;

	pthread_mutex_lock(&file.lock);
	fseek(file.stream, 0, SEEK_END);
	end = ftell(file.stream);
	if (end > 0)
		copy = malloc((size_t)end);
	rewind(file.stream);
	*size = copy != NULL ? fread(copy, 1, (size_t)end, file.stream) : 0;
	fseek(file.stream, 0, SEEK_END);
	pthread_mutex_unlock(&file.lock);
	return copy;
}

void
log_show(size_t most)
{
	size_t size, start;
	char *copy = copy_log(&size);

	for (start = size; start > 0; start--)
		if (copy[start - 1] == '\n' && most-- == 0)
			break;
	flockfile(stdout);
	if (copy != NULL)
		fwrite(copy + start, 1, size - start, stdout);
	fflush(stdout);
	funlockfile(stdout);
	free(copy);
}

int
log_clear(void)
{
	int result;

	pthread_mutex_lock(&file.lock);
	fflush(file.stream);
	result = ftruncate(fileno(file.stream), 0);
	if (result == 0)
		file.lines = 0;
	pthread_mutex_unlock(&file.lock);
	return result;
}
