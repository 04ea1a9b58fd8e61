#define _POSIX_C_SOURCE 200809L

#include "room.h"

#include "history.h"
#include "net.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BACKLOG_MAX = 256 * 1024, /* bytes that wait for a user */
	WAIT_AT = 64 * 1024,      /* bytes that wait: first read, then ask */
	/* Room for "MSG NAME TEXT", a line feed and a '\0'. */
	LINE_SIZE = USERS_NAME_MAX + NET_LINE_MAX + 8,
	BLOCKED_MAX = 256, /* sockets that the postman waits for at once */
	RETRY_MS = 10,     /* if there are more */
};

/*
 * The room. No call that may wait is made while its lock is held, but for the
 * history's write to its file. Key to the fields:
 *	(S) set by room_start, only read after that
 *	(L) lock must be held
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* the postman has sent or let go */
	struct user *first;     /* (L) who is online, ordered by name */
	bool work;              /* (L) there is something to be sent */
	bool asleep;            /* (L) the postman waits for the pipe */
	bool stopping;          /* (L) the postman is to end */
	int pipe[2];            /* (S) a byte in it wakes the postman */
	pthread_t postman;      /* (S) */
} room = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
};

/* -- outboxes ------------------------------------------------------------- */

/*
 * Tells the postman that there is work. It waits for sockets as well, so it
 * can't wait for a condition; one byte, and only if it sleeps.
 */
static void
wake_locked(void)
{
	ssize_t n;

	room.work = true;
	if (!room.asleep)
		return;
	room.asleep = false;
	do
		n = write(room.pipe[1], "", 1);
	while (n < 0 && errno == EINTR);
}

/*
 * Gives a user up. The thread that reads from the user's socket wakes up and
 * leaves the room; the socket is still open, since only that thread closes it.
 */
static void
give_up_locked(struct user *user)
{
	user->gone = true;
	shutdown(user->fd, SHUT_RDWR);
	pthread_cond_broadcast(&room.changed);
}

/* How many bytes wait for a user, but for a long answer that it asked for. */
static size_t
backlog_locked(const struct user *user)
{
	size_t from = user->sent > user->own_from ? user->sent : user->own_from;
	size_t own = user->own_to > from ? user->own_to - from : 0;

	return user->queued - user->sent - own;
}

/*
 * Puts size bytes into a user's outbox and wakes the postman. A user for whom
 * more than BACKLOG_MAX would wait is given up.
 */
static void
post_locked(struct user *user, const char *data, size_t size)
{
	if (user->gone)
		return;
	if (buffer_add(&user->waiting, data, size) < 0) {
		give_up_locked(user);
		return;
	}
	user->queued += size;
	if (backlog_locked(user) > BACKLOG_MAX)
		give_up_locked(user);
	else
		wake_locked();
}

/* Puts a line into the outbox of everyone but one. */
static void
tell_others_locked(const struct user *one, const char *line, size_t size)
{
	for (struct user *user = room.first; user != NULL; user = user->next)
		if (user != one)
			post_locked(user, line, size);
}

/*
 * Puts a long answer into the outbox of the user who has asked for it, and
 * frees it. One for which there was no memory, so that it is not complete, is
 * not sent: the user is given up.
 */
static void
post_own_locked(struct user *user, struct buffer *answer, bool complete)
{
	if (complete) {
		user->own_from = user->queued;
		user->own_to = user->queued + answer->size;
		post_locked(user, answer->data, answer->size);
	} else {
		give_up_locked(user);
	}
	buffer_free(answer);
}

/* Frees a user's outbox. While much is said it is kept and used again. */
static void
free_buffers(struct user *user)
{
	buffer_free(&user->waiting);
	buffer_free(&user->sending);
}

/* -- the room ------------------------------------------------------------- */

/* Where a user of that name is in the list, or would be. */
static struct user **
place_locked(const char *name)
{
	struct user **link = &room.first;

	while (*link != NULL && strcmp((*link)->name, name) < 0)
		link = &(*link)->next;
	return link;
}

/*
 * Lets a user in: see room.h. All of it is one step, or a message that is said
 * meanwhile would be in neither history nor outbox, or in both.
 */
int
room_enter(struct user *user, const char *welcome, size_t size)
{
	struct buffer answer = {NULL, 0, 0};
	char line[LINE_SIZE];
	struct user **link;
	int error = 0;

	snprintf(line, sizeof(line), "JOIN %s\n", user->name);
	pthread_mutex_lock(&room.lock);
	link = place_locked(user->name);
	if (*link != NULL && strcmp((*link)->name, user->name) == 0) {
		error = EEXIST;
	} else if (buffer_add_text(&answer, welcome) < 0 ||
	    history_copy(&answer, size) < 0 ||
	    buffer_add_text(&answer, "OK END\n") < 0) {
		error = ENOMEM;
		buffer_free(&answer);
	} else {
		tell_others_locked(user, line, strlen(line));
		user->next = *link;
		*link = user;
		post_own_locked(user, &answer, true);
	}
	pthread_mutex_unlock(&room.lock);
	errno = error;
	return error == 0 ? 0 : -1;
}

/*
 * Takes a user out: see room.h. Off the list first, so that the postman does
 * not take the user again; then wait until it has let go.
 */
void
room_leave(struct user *user)
{
	char line[LINE_SIZE];

	snprintf(line, sizeof(line), "LEAVE %s\n", user->name);
	pthread_mutex_lock(&room.lock);
	*place_locked(user->name) = user->next;
	user->gone = true;
	tell_others_locked(user, line, strlen(line));
	wake_locked();
	while (user->taken)
		pthread_cond_wait(&room.changed, &room.lock);
	pthread_mutex_unlock(&room.lock);
	free_buffers(user);
}

/*
 * Says text to all others: see room.h. History and outboxes are one step, so
 * that no other message gets in between: this makes the one order.
 */
int
room_say(struct user *user, const char *text)
{
	char line[LINE_SIZE];
	int result;

	snprintf(line, sizeof(line), "MSG %s %s\n", user->name, text);
	pthread_mutex_lock(&room.lock);
	result = history_append(user->name, text);
	if (result == 0) {
		tell_others_locked(user, line, strlen(line));
		post_locked(user, "OK\n", 3);
	}
	pthread_mutex_unlock(&room.lock);
	return result;
}

void
room_answer(struct user *user, const char *line)
{
	pthread_mutex_lock(&room.lock);
	post_locked(user, line, strlen(line));
	post_locked(user, "\n", 1);
	pthread_mutex_unlock(&room.lock);
}

/* Answers WHO: see room.h. */
void
room_who(struct user *user)
{
	struct buffer answer = {NULL, 0, 0};
	char line[LINE_SIZE];
	bool complete = true;

	pthread_mutex_lock(&room.lock);
	for (struct user *u = room.first; u != NULL && complete; u = u->next) {
		snprintf(line, sizeof(line), "USER %s\n", u->name);
		complete = buffer_add_text(&answer, line) == 0;
	}
	complete = complete && buffer_add_text(&answer, "OK END\n") == 0;
	post_own_locked(user, &answer, complete);
	pthread_mutex_unlock(&room.lock);
}

/* Answers HISTORY: see room.h. */
void
room_history(struct user *user, size_t count)
{
	struct buffer answer = {NULL, 0, 0};
	bool complete;

	pthread_mutex_lock(&room.lock);
	complete = buffer_add_text(&answer, "OK HISTORY\n") == 0 &&
	    history_copy(&answer, count) == 0 &&
	    buffer_add_text(&answer, "OK END\n") == 0;
	post_own_locked(user, &answer, complete);
	pthread_mutex_unlock(&room.lock);
}

void
room_wait(struct user *user)
{
	pthread_mutex_lock(&room.lock);
	while (!user->gone && user->queued - user->sent > WAIT_AT)
		pthread_cond_wait(&room.changed, &room.lock);
	pthread_mutex_unlock(&room.lock);
}

void
room_flush(struct user *user)
{
	size_t end;

	pthread_mutex_lock(&room.lock);
	end = user->queued;
	while (!user->gone && user->sent < end)
		pthread_cond_wait(&room.changed, &room.lock);
	pthread_mutex_unlock(&room.lock);
}

/* -- the postman ---------------------------------------------------------- */

/*
 * Takes what is to be sent: a list of the users for whom something waits. They
 * can't leave before the postman lets go of them. What waits becomes what is
 * being sent, unless something is left there from the last time.
 */
static struct user *
take_locked(void)
{
	struct user *taken = NULL;

	room.work = false;
	for (struct user *user = room.first; user != NULL; user = user->next) {
		if (user->gone)
			continue;
		if (user->sending.size == 0) {
			struct buffer empty = user->sending;

			user->sending = user->waiting;
			user->waiting = empty;
		}
		if (user->sending.size > 0) {
			user->taken = true;
			user->next_taken = taken;
			taken = user;
		}
	}
	return taken;
}

/*
 * Sends as much as the user's socket takes now. Never waits: the rest is tried
 * again when there is room for it.
 */
static void
deliver(struct user *user)
{
	while (user->done + user->delivered < user->sending.size) {
		size_t at = user->done + user->delivered;
		ssize_t n = send(user->fd, user->sending.data + at,
		    user->sending.size - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			user->delivered += (size_t)n;
		} else if (errno != EINTR) {
			user->broken = errno != EAGAIN && errno != EWOULDBLOCK;
			return;
		}
	}
}

/* Lets go of the users on the list, and notes what was delivered to them. */
static void
let_go_locked(struct user *taken)
{
	for (struct user *user = taken; user != NULL; user = user->next_taken) {
		user->taken = false;
		user->sent += user->delivered;
		user->done += user->delivered;
		user->delivered = 0;
		if (user->done == user->sending.size) {
			user->sending.size = 0;
			user->done = 0;
			/* What came meanwhile was not taken: see take_locked. */
			if (user->waiting.size > 0)
				room.work = true;
			else
				free_buffers(user);
		}
		if (user->broken && !user->gone)
			give_up_locked(user);
	}
	pthread_cond_broadcast(&room.changed);
}

/*
 * Waits until there is something to be sent, or room in the socket of a user
 * who could not take all. Those users are taken meanwhile: no socket may be
 * closed while poll(2) looks at it.
 */
static void
sleep_locked(void)
{
	struct pollfd polls[1 + BLOCKED_MAX] = {{room.pipe[0], POLLIN, 0}};
	struct user *blocked = NULL;
	nfds_t count = 1;
	ssize_t n;
	char byte;

	for (struct user *user = room.first; user != NULL; user = user->next) {
		if (user->gone || user->sending.size == 0)
			continue;
		if (count > BLOCKED_MAX)
			break;
		polls[count++] = (struct pollfd){user->fd, POLLOUT, 0};
		user->taken = true;
		user->next_taken = blocked;
		blocked = user;
	}
	room.asleep = true;
	pthread_mutex_unlock(&room.lock);
	/* If there are more of them, some have to do without the waking. */
	poll(polls, count, count > BLOCKED_MAX ? RETRY_MS : -1);
	pthread_mutex_lock(&room.lock);
	let_go_locked(blocked);
	if (room.asleep) {
		room.asleep = false; /* it was a socket */
		return;
	}
	do
		n = read(room.pipe[0], &byte, 1);
	while (n < 0 && errno == EINTR);
}

/* The life of the postman. */
static void *
postman_main(void *argument)
{
	struct user *taken;

	(void)argument;
	pthread_mutex_lock(&room.lock);
	while (!room.stopping) {
		if (!room.work)
			sleep_locked();
		taken = take_locked();
		pthread_mutex_unlock(&room.lock);
		for (struct user *u = taken; u != NULL; u = u->next_taken)
			deliver(u);
		pthread_mutex_lock(&room.lock);
		let_go_locked(taken);
	}
	pthread_mutex_unlock(&room.lock);
	return NULL;
}

int
room_start(void)
{
	if (pipe(room.pipe) < 0)
		return errno;
	return pthread_create(&room.postman, NULL, postman_main, NULL);
}

void
room_stop(void)
{
	pthread_mutex_lock(&room.lock);
	room.stopping = true;
	wake_locked();
	pthread_mutex_unlock(&room.lock);
	pthread_join(room.postman, NULL);
	close(room.pipe[0]);
	close(room.pipe[1]);
}
