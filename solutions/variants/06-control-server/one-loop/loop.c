/*
 * loop - one thread for all clients, which polls them and the listening
 * socket; passwords are hashed by a few threads more. It takes the place of
 * the reference's listener.c and clients.c.
 *
 * Clients are the loop's alone, but for one whose password is being hashed: it
 * is lent to the thread that does that, and polled no more until it comes back.
 */

#define _POSIX_C_SOURCE 200809L

#include "accounts.h"
#include "clients.h"
#include "command.h"
#include "listener.h"
#include "log.h"
#include "text.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HASHERS = 3,
	RETRY_MS = 100,
	LINE_ROOM = NET_LINE_MAX + 2, /* with CR LF */
};

struct client {
	int fd;
	char name[NET_NAME_SIZE];
	struct account account;
	char in[LINE_ROOM], out[2 * LINE_ROOM];
	size_t in_size, out_size;
	bool skipping, ended, leaving, lent;
	struct client *next;

	/* What it is lent for. */
	bool is_new;
	char user[LINE_ROOM], password[LINE_ROOM];
	const char *error;
	struct client *next_job;
};

enum wish { PAUSE, LISTEN, STOP };

/* The lock guards all but the fields that are set once. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t granted, job_came;
	struct net_address address;
	enum wish wish;
	int listener; /* -1: none; changed by main only while it is -1 */
	bool runs;
	int wake[2];
	size_t count;
	struct client *jobs, *done;
	pthread_t thread, hashers[HASHERS];
} loop = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .granted = PTHREAD_COND_INITIALIZER,
    .job_came = PTHREAD_COND_INITIALIZER,
    .listener = -1,
};

static struct client *first;  /* all of them: the loop's */
static struct pollfd *polled; /* the loop's, and their room */
static size_t room;

static void
wake_loop(void)
{
	while (write(loop.wake[1], "", 1) < 0 && errno == EINTR)
		;
}

/* -- hashing ---------------------------------------------------------------- */

static void
hash(struct client *c)
{
	c->error = c->is_new
	    ? accounts_register(&c->account, c->user, c->password)
	    : accounts_login(&c->account, c->user, c->password);
}

static void *
hasher_main(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&loop.lock);
	for (;;) {
		struct client *c = loop.jobs;

		if (loop.wish == STOP)
			break;
		if (c == NULL) {
			pthread_cond_wait(&loop.job_came, &loop.lock);
			continue;
		}
		loop.jobs = c->next_job;
		pthread_mutex_unlock(&loop.lock);
		hash(c);
		pthread_mutex_lock(&loop.lock);
		c->next_job = loop.done;
		loop.done = c;
		wake_loop();
	}
	pthread_mutex_unlock(&loop.lock);
	return NULL;
}

/* Lends the client; those who came first are served first. */
static void
lend(struct client *c, const struct command *command)
{
	struct client **link = &loop.jobs;

	c->is_new = command->word == COMMAND_REGISTER;
	snprintf(c->user, sizeof(c->user), "%s", command->name);
	snprintf(c->password, sizeof(c->password), "%s", command->password);
	c->lent = true;
	c->next_job = NULL;
	pthread_mutex_lock(&loop.lock);
	while (*link != NULL)
		link = &(*link)->next_job;
	*link = c;
	pthread_cond_signal(&loop.job_came);
	pthread_mutex_unlock(&loop.lock);
}

/* -- answers ---------------------------------------------------------------- */

/* There is room for an answer whenever this is called. */
static void
reply(struct client *c, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	c->out_size += (size_t)vsnprintf(
	    c->out + c->out_size, sizeof(c->out) - c->out_size, format, values);
	va_end(values);
	c->out[c->out_size++] = '\n';
}

/* The client is back from hashing. */
static void
welcome(struct client *c)
{
	c->lent = false;
	if (c->error == NULL) {
		log_say("%s logged in", c->user);
		reply(c, "OK welcome %s%s", c->is_new ? "" : "back ", c->user);
		return;
	}
	if (!c->is_new)
		log_say("login refused for %s",
		    users_is_name(c->user) ? c->user : "?");
	reply(c, "ERR %s", c->error);
}

static void
say(struct client *c, const char *text)
{
	if (c->account.name[0] == '\0')
		reply(c, "ERR login-first");
	else if (text[0] == '\0')
		reply(c, "ERR empty");
	else if (!text_is_plain(text))
		reply(c, "ERR bad-text");
	else
		reply(c, "ECHO %s", text);
}

static void
obey(struct client *c, char *line, size_t length)
{
	struct command command;

	command_parse(line, length, &command);
	if (command.word == COMMAND_SAY) {
		say(c, command.text);
	} else if (command.word == COMMAND_QUIT) {
		reply(c, "OK bye");
		c->leaving = true;
	} else if (command.word != COMMAND_REGISTER &&
	    command.word != COMMAND_LOGIN) {
		reply(c, "ERR unknown-command");
	} else if (c->account.name[0] != '\0') {
		reply(c, "ERR already-online");
	} else {
		lend(c, &command);
	}
}

/* Takes what may be a whole line off the buffer; returns whether it did. */
static bool
take_line(struct client *c)
{
	char line[LINE_ROOM + 1];
	char *end = memchr(c->in, '\n', c->in_size);
	size_t size = end != NULL ? (size_t)(end - c->in) + 1 : c->in_size;
	size_t length = end != NULL ? size - 1 : size;
	bool skipped = c->skipping;

	if (end == NULL && c->in_size < LINE_ROOM && !c->skipping)
		return false;
	if (c->in_size == 0)
		return false;
	memcpy(line, c->in, length);
	memmove(c->in, c->in + size, c->in_size - size);
	c->in_size -= size;
	c->skipping = end == NULL;
	if (skipped)
		return true;
	if (end != NULL && length > 0 && line[length - 1] == '\r')
		length--;
	if (end == NULL || length > NET_LINE_MAX) {
		reply(c, "ERR too-long");
		return true;
	}
	line[length] = '\0';
	obey(c, line, length);
	return true;
}

/* -- moving bytes ------------------------------------------------------------ */

static void
flush_out(struct client *c)
{
	ssize_t n = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		c->out_size = 0;
		c->ended = c->leaving = true;
	}
	if (n <= 0)
		return;
	log_write("sent %zd bytes to %s", n, c->name);
	memmove(c->out, c->out + n, c->out_size - (size_t)n);
	c->out_size -= (size_t)n;
}

static void
fill_in(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_size, LINE_ROOM - c->in_size, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		c->ended = true;
	else
		log_write("received %zd bytes from %s", n, c->name);
	c->in_size += n > 0 ? (size_t)n : 0;
}

/* Does all that can be done for a client without waiting. */
static void
serve(struct client *c, short events)
{
	if (events != 0 && !c->ended && c->in_size < LINE_ROOM)
		fill_in(c);
	do {
		if (c->out_size > 0)
			flush_out(c);
	} while (!c->lent && !c->leaving && c->out_size == 0 && take_line(c));
	if (c->out_size > 0)
		flush_out(c);
	if (c->ended && !c->lent && c->out_size == 0)
		c->leaving = true;
}

static void
client_free(struct client *c)
{
	log_say("client %s disconnected", c->name);
	accounts_leave(&c->account);
	close(c->fd);
	free(c);
	pthread_mutex_lock(&loop.lock);
	loop.count--;
	pthread_mutex_unlock(&loop.lock);
}

void
clients_add(int fd, const struct net_address *address)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		warn("serve a client");
		close(fd);
		return;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	c->fd = fd;
	net_format(address, c->name);
	c->next = first;
	first = c;
	pthread_mutex_lock(&loop.lock);
	loop.count++;
	pthread_mutex_unlock(&loop.lock);
	log_say("client %s connected", c->name);
}

/* Accepts who waits; returns how long to wait before the next try, or -1. */
static int
accept_all(int listener)
{
	static bool said_so;

	for (;;) {
		struct net_address address = {.size = sizeof(address.v6)};
		int fd = accept(listener, &address.any, &address.size);

		if (fd >= 0) {
			clients_add(fd, &address);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN) {
			said_so = false;
			return -1;
		}
		if (!said_so)
			warn("accept");
		said_so = true;
		return RETRY_MS;
	}
}

/* -- the loop ------------------------------------------------------------------ */

/* Does what main wishes, and takes back who was lent. */
static enum wish
hear_main(int *listener)
{
	struct client *c;
	enum wish wish;
	char bytes[64];

	while (read(loop.wake[0], bytes, sizeof(bytes)) > 0)
		;
	pthread_mutex_lock(&loop.lock);
	wish = loop.wish;
	if (wish != LISTEN && loop.listener >= 0) {
		close(loop.listener);
		loop.listener = -1;
		pthread_cond_signal(&loop.granted);
	}
	*listener = loop.listener;
	c = loop.done;
	loop.done = NULL;
	pthread_mutex_unlock(&loop.lock);
	for (; c != NULL; c = c->next_job)
		welcome(c);
	return wish;
}

/* Fills polled; returns how many they are. */
static nfds_t
prepare(int listener, bool accepting)
{
	nfds_t n = 2;

	for (struct client *c = first; c != NULL; c = c->next)
		n++;
	if (n > room) {
		room = 2 * n;
		polled = realloc(polled, room * sizeof(*polled));
		if (polled == NULL)
			err(1, "poll clients");
	}
	polled[0] = (struct pollfd){.fd = loop.wake[0], .events = POLLIN};
	polled[1] =
	    (struct pollfd){.fd = accepting ? listener : -1, .events = POLLIN};
	n = 2;
	for (struct client *c = first; c != NULL; c = c->next, n++) {
		polled[n] = (struct pollfd){.fd = c->lent ? -1 : c->fd};
		if (c->out_size > 0)
			polled[n].events = POLLOUT;
		else if (!c->ended)
			polled[n].events = POLLIN;
	}
	return n;
}

/* Serves all clients, and frees those who are done. */
static void
serve_all(void)
{
	struct client **link = &first;

	for (nfds_t n = 2; *link != NULL; n++) {
		struct client *c = *link;

		serve(c, polled[n].revents);
		if (c->leaving && !c->lent && c->out_size == 0) {
			*link = c->next;
			client_free(c);
		} else {
			link = &c->next;
		}
	}
}

static void *
loop_main(void *unused)
{
	int pause_ms = -1;
	int listener;

	(void)unused;
	while (hear_main(&listener) != STOP) {
		nfds_t n = prepare(listener, pause_ms < 0);

		/* Who was just taken back may have more to say. */
		for (nfds_t i = 2; i < n; i++)
			polled[i].revents = 0;
		serve_all();
		n = prepare(listener, pause_ms < 0);
		poll(polled, n, pause_ms);
		serve_all();
		pause_ms = listener >= 0 ? accept_all(listener) : -1;
	}
	return NULL;
}

/* -- what main calls ----------------------------------------------------------- */

void
listener_set_address(const struct net_address *address)
{
	loop.address = *address;
	if (pipe(loop.wake) < 0)
		err(1, "pipe");
	fcntl(loop.wake[0], F_SETFL, O_NONBLOCK);
	fcntl(loop.wake[1], F_SETFL, O_NONBLOCK);
}

void
listener_format_address(char name[NET_NAME_SIZE])
{
	net_format(&loop.address, name);
}

bool
listener_runs(void)
{
	bool runs;

	pthread_mutex_lock(&loop.lock);
	runs = loop.wish == LISTEN;
	pthread_mutex_unlock(&loop.lock);
	return runs;
}

/* Starts all threads, once. */
static void
start_threads(void)
{
	if (loop.runs)
		return;
	loop.runs = true;
	for (int i = 0; i < HASHERS; i++)
		if (pthread_create(&loop.hashers[i], NULL, hasher_main, NULL) !=
		    0)
			errx(1, "no threads");
	if (pthread_create(&loop.thread, NULL, loop_main, NULL) != 0)
		errx(1, "no thread");
}

int
listener_start(void)
{
	int fd = net_listen(&loop.address);

	if (fd < 0)
		return -1;
	/* A queue as short as in old textbooks: listen(2) may set it anew. */
	listen(fd, 2);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	pthread_mutex_lock(&loop.lock);
	loop.listener = fd;
	loop.wish = LISTEN;
	pthread_mutex_unlock(&loop.lock);
	start_threads();
	wake_loop();
	return 0;
}

void
listener_stop(void)
{
	pthread_mutex_lock(&loop.lock);
	loop.wish = PAUSE;
	wake_loop();
	while (loop.listener >= 0)
		pthread_cond_wait(&loop.granted, &loop.lock);
	pthread_mutex_unlock(&loop.lock);
}

size_t
clients_count(void)
{
	size_t count;

	pthread_mutex_lock(&loop.lock);
	count = loop.count;
	pthread_mutex_unlock(&loop.lock);
	return count;
}

void
clients_stop(void)
{
	pthread_mutex_lock(&loop.lock);
	loop.wish = STOP;
	pthread_cond_broadcast(&loop.job_came);
	pthread_mutex_unlock(&loop.lock);
	wake_loop();
	pthread_join(loop.thread, NULL);
	for (int i = 0; i < HASHERS; i++)
		pthread_join(loop.hashers[i], NULL);
	while (first != NULL) {
		struct client *c = first;

		first = c->next;
		client_free(c);
	}
	free(polled);
	close(loop.wake[0]);
	close(loop.wake[1]);
}
