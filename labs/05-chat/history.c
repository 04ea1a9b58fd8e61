/*
 * The file has a line "NAME TEXT" for each message. A name has no space and a
 * text no line feed, so that is all it takes.
 */

#define _POSIX_C_SOURCE 200809L

#include "history.h"

#include "net.h"
#include "text.h"
#include "users.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for "NAME TEXT", a line feed and a '\0'. */
enum {
	LINE_SIZE = USERS_NAME_MAX + NET_LINE_MAX + 3,
};

/*
 * The history. The last messages form a ring: when it is full, the newest one
 * takes the place of the oldest one. Key to the fields:
 *	(S) set by history_open, only read after that
 *	(L) lock must be held
 */
static struct {
	pthread_mutex_t lock;
	int fd;       /* (S) of the file, to append to it */
	size_t size;  /* (S) messages that are remembered, at most */
	char **lines; /* (L) the ring: lines "NAME TEXT\n" from malloc */
	size_t next;  /* (L) where in the ring the next one goes */
	size_t count; /* (L) how many there are */
	off_t end;    /* (L) bytes in the file, all in whole lines */
} history = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .fd = -1,
};

/* Puts a line, from malloc, into the ring, which frees it some time. */
static void
remember_locked(char *line)
{
	/* TODO 3: so far it is forgotten. */
	free(line);
}

/*
 * Appends a line to the file. If only a part of it could be written, that part
 * is taken away again, or the next line would stand behind half of this one.
 */
static int
write_locked(const char *line, size_t size)
{
	size_t written = 0;
	int error;

	while (written < size) {
		ssize_t n = write(history.fd, line + written, size - written);

		if (n > 0)
			written += (size_t)n;
		else if (n == 0 || errno != EINTR)
			break;
	}
	if (written == size) {
		history.end += (off_t)size;
		return 0;
	}
	error = errno;
	if (ftruncate(history.fd, history.end) < 0)
		warn("history: take back half a line");
	errno = error;
	return -1;
}

/*
 * Adds a message: see history.h. The file first: nobody may see a
 * message that it lacks.
 */
int
history_append(const char *name, const char *text)
{
	/*
	 * TODO 3: write the line "NAME TEXT" to the file, then remember it.
	 * Two threads may come here at the same time.
	 */
	(void)name;
	(void)text;
	(void)write_locked;
	return 0;
}

/* Adds the last messages to the buffer: see history.h. */
int
history_copy(struct buffer *buffer, size_t count)
{
	/* TODO 3: where in the ring does the oldest of them lie? */
	(void)buffer;
	(void)count;
	return 0;
}

/* Whether a line of the file, with its line feed, is "NAME TEXT". */
static bool
is_message(const char *line, size_t length)
{
	char copy[LINE_SIZE];
	char *space;

	if (length >= sizeof(copy) || strlen(line) != length)
		return false;
	memcpy(copy, line, length);
	copy[length - 1] = '\0';
	space = strchr(copy, ' ');
	if (space == NULL)
		return false;
	*space = '\0';
	return users_is_name(copy) && space[1] != '\0' &&
	    text_is_plain(space + 1);
}

/*
 * Reads the lines of the file. A last line without a line feed is what a kill
 * has left of a message that nobody was told of: it is cut off.
 */
static int
load_locked(const char *path, FILE *file)
{
	char *line = NULL;
	size_t room = 0, number = 1;
	ssize_t length;

	while ((length = getline(&line, &room, file)) > 0 &&
	    line[length - 1] == '\n') {
		if (is_message(line, (size_t)length)) {
			remember_locked(line);
			line = NULL; /* getline takes new memory */
			room = 0;
		} else {
			warnx("%s: line %zu is not NAME TEXT: skipped", path,
			    number);
		}
		history.end += length;
		number++;
	}
	free(line);
	if (ferror(file))
		return -1;
	return ftruncate(history.fd, history.end);
}

int
history_open(const char *path, size_t size)
{
	struct stat status;
	FILE *file;
	int result;

	history.size = size;
	history.lines = calloc(size > 0 ? size : 1, sizeof(*history.lines));
	history.fd = open(
	    path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
	if (history.lines == NULL || history.fd < 0 ||
	    fstat(history.fd, &status) < 0)
		return -1;
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	file = fopen(path, "r");
	if (file == NULL)
		return -1;
	pthread_mutex_lock(&history.lock);
	result = load_locked(path, file);
	pthread_mutex_unlock(&history.lock);
	fclose(file);
	return result;
}

void
history_close(void)
{
	for (size_t i = 0; i < history.count; i++)
		free(history.lines[i]);
	free(history.lines);
	close(history.fd);
}
