/*
 * history - the last messages, in memory and in a file of `NAME TEXT` lines
 */

#ifndef HISTORY_H
#define HISTORY_H

#include <stddef.h>

struct history {
	int fd;
	size_t size, count; /* messages kept at most, and now */
	size_t oldest;      /* its place in the ring */
	char **ring;
};

/* Reads the file, which is created if need be. -1 with errno. */
int history_open(struct history *history, const char *path, size_t size);

/* Writes a line to the file, then keeps it. -1 if it could not be written. */
int history_add(struct history *history, const char *line);

/* Message number i, 0 being the oldest. */
const char *history_line(const struct history *history, size_t i);

void history_close(struct history *history);

#endif
