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
	/*
	 * TODO 6: so far it is sent at once, and there are no outboxes. If the
	 * user does not read, the thread waits here, and because it holds the
	 * room's lock, everybody waits with it.
	 */
	(void)backlog_locked;
	if (!user->gone)
		(void)net_send_all(user->fd, data, size);
}

/* Puts a line into the outbox of everyone but one. */
static void
tell_others_locked(const struct user *one, const char *line, size_t size)
{
	/* TODO 2: post_locked for each user in the list but one. */
	(void)one;
	(void)line;
	(void)size;
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
	/*
	 * TODO 2: so far the welcome is all. Put the user into the list, where
	 * no name may be twice, and tell the others JOIN.
	 *
	 * TODO 3: the last messages of the history go between the welcome and
	 * OK END, nothing else does, and after them comes all that is said
	 * from now on. What has to happen while the lock is held?
	 */
	(void)place_locked;
	(void)tell_others_locked;
	(void)size;
	pthread_mutex_lock(&room.lock);
	post_locked(user, welcome, strlen(welcome));
	post_locked(user, "OK END\n", 7);
	pthread_mutex_unlock(&room.lock);
	return 0;
}

/*
 * Takes a user out: see room.h. Off the list first, so that the postman does
 * not take the user again; then wait until it has let go.
 */
void
room_leave(struct user *user)
{
	/*
	 * TODO 2: take the user off the list and tell the others LEAVE.
	 *
	 * TODO 6: then wait until the postman has let go, and free what was
	 * never sent. It may be asleep: wake_locked.
	 */
	(void)free_buffers;
	(void)user;
}

/*
 * Says text to all others: see room.h. History and outboxes are one step, so
 * that no other message gets in between: this makes the one order.
 */
int
room_say(struct user *user, const char *text)
{
	/*
	 * TODO 2: so far only the one who speaks is answered. The others get
	 * MSG NAME TEXT.
	 *
	 * TODO 3: before anybody hears of it the message is in the history; in
	 * which order, everybody hears it in the same.
	 */
	(void)text;
	pthread_mutex_lock(&room.lock);
	post_locked(user, "OK\n", 3);
	pthread_mutex_unlock(&room.lock);
	return 0;
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
	/* TODO 2: a line USER NAME for each before that, with post_own_locked. */
	(void)post_own_locked;
	pthread_mutex_lock(&room.lock);
	post_locked(user, "OK END\n", 7);
	pthread_mutex_unlock(&room.lock);
}

/* Answers HISTORY: see room.h. */
void
room_history(struct user *user, size_t count)
{
	/* TODO 3: the messages go between these lines. */
	(void)count;
	pthread_mutex_lock(&room.lock);
	post_locked(user, "OK HISTORY\nOK END\n", 18);
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
	/* TODO 6: nobody puts anything into an outbox yet. */
	room.work = false;
	return NULL;
}

/*
 * Sends as much as the user's socket takes now. Never waits: the rest is tried
 * again when there is room for it.
 */
static void
deliver(struct user *user)
{
	/* TODO 6: one send(2) with MSG_DONTWAIT: see send(2). */
	(void)user;
}

/* Lets go of the users on the list, and notes what was delivered to them. */
static void
let_go_locked(struct user *taken)
{
	/*
	 * TODO 6: undo what take_locked has done, with those who got all and
	 * those who got only a part; wake the threads that wait for
	 * room.changed.
	 */
	(void)taken;
}

/*
 * Lets the lock go, which the caller holds, waits until there is something to
 * be sent, or room in the socket of a user who could not take all, and takes
 * the lock again. What was read under it before may have changed. Those users
 * are taken meanwhile: no socket may be closed while poll(2) looks at it.
 */
static void
unlock_and_sleep(void)
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
			unlock_and_sleep(); /* the room may change meanwhile */
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
