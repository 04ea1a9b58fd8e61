#define _DEFAULT_SOURCE

#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keeps a copy of a line in the ring, in the place of the oldest if need be. */
static int
keep(struct history *history, const char *line)
{
	char *copy;
	size_t place;

	if (history->size == 0)
		return 0;
	copy = strdup(line);
	if (copy == NULL)
		return -1;
	place = (history->oldest + history->count) % history->size;
	if (history->count == history->size) {
		free(history->ring[place]);
		history->oldest = (history->oldest + 1) % history->size;
	} else {
		history->count++;
	}
	history->ring[place] = copy;
	return 0;
}

/* Reads all whole lines, and cuts off what a crash may have left behind them. */
static int
read_lines(struct history *history, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	off_t whole = 0;
	int result = 0;

	if (file == NULL)
		return -1;
	while (result == 0 && (length = getline(&line, &room, file)) > 0 &&
	    line[length - 1] == '\n') {
		whole += length;
		line[length - 1] = '\0';
		result = keep(history, line);
	}
	free(line);
	fclose(file);
	return result < 0 ? -1 : ftruncate(history->fd, whole);
}

int
history_open(struct history *history, const char *path, size_t size)
{
	*history = (struct history){-1, size, 0, 0, NULL};
	history->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (history->fd < 0)
		return -1;
	history->ring = calloc(size + 1, sizeof(*history->ring));
	if (history->ring == NULL)
		return -1;
	return read_lines(history, path);
}

int
history_add(struct history *history, const char *line)
{
	char text[2048];
	struct stat before;
	int n = snprintf(text, sizeof(text), "%s\n", line);

	if (n < 0 || (size_t)n >= sizeof(text) ||
	    fstat(history->fd, &before) < 0)
		return -1;
	if (write(history->fd, text, (size_t)n) != n) {
		if (ftruncate(history->fd, before.st_size) < 0)
			perror("chat_server: history: ftruncate");
		return -1;
	}
	return keep(history, line);
}

const char *
history_line(const struct history *history, size_t i)
{
	return history->ring[(history->oldest + i) % history->size];
}

void
history_close(struct history *history)
{
	for (size_t i = 0; i < history->count; i++)
		free(history->ring[(history->oldest + i) % history->size]);
	free(history->ring);
	if (history->fd >= 0)
		close(history->fd);
}
