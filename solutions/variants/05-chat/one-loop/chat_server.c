/*
 * chat_server - a chat in one loop
 *
 * One thread waits in ppoll(2) for all clients and owns everything: who is
 * there, the history, the users, the tokens. It never waits for a client, so
 * it needs no lock. Passwords are hashed elsewhere: see hashers.h.
 */

#define _GNU_SOURCE

#include "command.h"
#include "hashers.h"
#include "history.h"
#include "net.h"
#include "outbox.h"
#include "text.h"
#include "users.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	TOKEN_SIZE = 33,
	OWN_MOST = 64 * 1024, /* answers that wait before no more is read */
	RETRY_MS = 100,       /* between two tries to accept, when short */
};

static const char usage[] =
    "usage: chat_server [-a ADDRESS] [-p PORT] [-u USERS_FILE] "
    "[-H HISTORY_FILE] [-n HISTORY_SIZE] [-c COST]\n";

struct client {
	int fd;
	char address[NET_NAME_SIZE];
	char name[USERS_NAME_MAX + 1]; /* empty: not logged in */
	char in[4096];
	size_t filled;
	bool skipping; /* inside a line that is too long */
	bool ended;    /* it has sent all that it will */
	bool leaving;  /* closed when all is sent */
	bool broken;   /* closed at once */
	struct job *job;
	struct outbox out;
};

struct token {
	struct token *next;
	char name[USERS_NAME_MAX + 1];
	char text[TOKEN_SIZE];
};

static struct client **clients;
static size_t client_count, client_room;
static struct pollfd *polled;
static struct users *users;
static struct history history;
static struct token *tokens;
static int cost = 5;
static volatile sig_atomic_t stopped;

/* -- answers ---------------------------------------------------------------- */

static void
tell(struct client *client, const char *text, bool own)
{
	if (client->broken)
		return;
	if (outbox_add(&client->out, text, own) < 0)
		client->broken = true;
}

static void
answer(struct client *client, const char *text)
{
	tell(client, text, true);
	tell(client, "\n", true);
}

/* Tells everybody who is logged in, but for one. */
static void
tell_others(const struct client *except, const char *line)
{
	for (size_t i = 0; i < client_count; i++)
		if (clients[i] != except && clients[i]->name[0] != '\0')
			tell(clients[i], line, false);
}

static struct client *
online(const char *name)
{
	for (size_t i = 0; i < client_count; i++)
		if (strcmp(clients[i]->name, name) == 0)
			return clients[i];
	return NULL;
}

static void
send_history(struct client *client, size_t most)
{
	size_t first = history.count > most ? history.count - most : 0;

	for (size_t i = first; i < history.count; i++) {
		tell(client, "MSG ", true);
		answer(client, history_line(&history, i));
	}
	answer(client, "OK END");
}

/* -- logging in ----------------------------------------------------------------- */

static struct token *
token_of(const char *name)
{
	struct token *token;
	unsigned char bits[16];

	for (token = tokens; token != NULL; token = token->next)
		if (strcmp(token->name, name) == 0)
			return token;
	token = calloc(1, sizeof(*token));
	if (token == NULL || getrandom(bits, sizeof(bits), 0) != sizeof(bits)) {
		free(token);
		return NULL;
	}
	strcpy(token->name, name);
	for (size_t i = 0; i < sizeof(bits); i++)
		snprintf(token->text + 2 * i, 3, "%02x", bits[i]);
	token->next = tokens;
	tokens = token;
	return token;
}

static void
log_in(struct client *client, const char *name, const char *welcome)
{
	struct token *token = token_of(name);
	char line[128];

	if (online(name) != NULL) {
		answer(client, "ERR already-online");
		return;
	}
	if (token == NULL) {
		answer(client, "ERR server-error");
		return;
	}
	snprintf(line, sizeof(line), "OK %s %s %s", welcome, name, token->text);
	answer(client, line);
	send_history(client, history.count);
	strcpy(client->name, name);
	snprintf(line, sizeof(line), "JOIN %s\n", name);
	tell_others(client, line);
}

static void
begin_job(struct client *client, const struct command *command)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		answer(client, "ERR server-error");
		return;
	}
	job->is_new = command->word == COMMAND_REGISTER;
	job->cost = cost;
	snprintf(job->name, sizeof(job->name), "%s", command->name);
	snprintf(job->password, sizeof(job->password), "%s", command->password);
	if (!job->is_new)
		users_find(users, job->name, job->hash);
	job->owner = client;
	client->job = job;
	hashers_put(job);
}

static void
finish_job(struct job *job)
{
	struct client *client = job->owner;

	if (client != NULL) {
		client->job = NULL;
		if (!job->good)
			answer(client,
			    job->is_new ? "ERR server-error" : "ERR denied");
		else if (!job->is_new)
			log_in(client, job->name, "welcome back");
		else if (users_add(users, job->name, job->hash) == 0)
			log_in(client, job->name, "welcome");
		else
			answer(client,
			    errno == EEXIST ? "ERR name-taken"
					    : "ERR server-error");
	}
	free(job);
}

static void
do_register(struct client *client, const struct command *command)
{
	char hash[USERS_HASH_SIZE];

	if (!users_is_name(command->name))
		answer(client, "ERR bad-name");
	else if (!users_is_password(command->password))
		answer(client, "ERR bad-password");
	else if (users_find(users, command->name, hash))
		answer(client, "ERR name-taken");
	else
		begin_job(client, command);
}

static void
do_resume(struct client *client, const char *text)
{
	for (struct token *token = tokens; token != NULL; token = token->next)
		if (strcmp(token->text, text) == 0) {
			log_in(client, token->name, "welcome back");
			return;
		}
	answer(client, "ERR denied");
}

/* -- commands ------------------------------------------------------------------- */

static void
do_say(struct client *client, const char *text)
{
	char line[NET_LINE_MAX + 64], message[NET_LINE_MAX + 80];

	if (*text == '\0') {
		answer(client, "ERR empty");
	} else if (!text_is_plain(text)) {
		answer(client, "ERR bad-text");
	} else {
		snprintf(line, sizeof(line), "%s %s", client->name, text);
		if (history_add(&history, line) < 0) {
			answer(client, "ERR server-error");
			return;
		}
		snprintf(message, sizeof(message), "MSG %s\n", line);
		tell_others(client, message);
		answer(client, "OK");
	}
}

static int
compare(const void *one, const void *other)
{
	struct client *const *a = one, *const *b = other;

	return strcmp((*a)->name, (*b)->name);
}

static void
do_who(struct client *client)
{
	struct client **sorted = calloc(client_count, sizeof(struct client *));

	if (sorted == NULL) {
		answer(client, "ERR server-error");
		return;
	}
	memcpy(sorted, clients, client_count * sizeof(struct client *));
	qsort(sorted, client_count, sizeof(struct client *), compare);
	for (size_t i = 0; i < client_count; i++)
		if (sorted[i]->name[0] != '\0') {
			tell(client, "USER ", true);
			answer(client, sorted[i]->name);
		}
	answer(client, "OK END");
	free(sorted);
}

static void
do_history(struct client *client, const char *text)
{
	long most = *text == '\0' ? 100000 : command_number(text, 100000);

	if (most < 0) {
		answer(client, "ERR bad-number");
		return;
	}
	answer(client, "OK HISTORY");
	send_history(client, (size_t)most);
}

static void
do_user_command(struct client *client, const struct command *command)
{
	if (client->name[0] == '\0')
		answer(client, "ERR login-first");
	else if (command->word == COMMAND_SAY)
		do_say(client, command->text);
	else if (command->word == COMMAND_WHO)
		do_who(client);
	else
		do_history(client, command->argument);
}

static void
do_login_command(struct client *client, const struct command *command)
{
	if (client->name[0] != '\0')
		answer(client, "ERR already-online");
	else if (command->word == COMMAND_REGISTER)
		do_register(client, command);
	else if (command->word == COMMAND_LOGIN)
		begin_job(client, command);
	else
		do_resume(client, command->argument);
}

static void
do_line(struct client *client, char *line, size_t length)
{
	struct command command;

	command_parse(line, length, &command);
	switch (command.word) {
	case COMMAND_UNKNOWN:
		answer(client, "ERR unknown-command");
		break;
	case COMMAND_QUIT:
		answer(client, "OK bye");
		client->leaving = true;
		break;
	case COMMAND_REGISTER:
	case COMMAND_LOGIN:
	case COMMAND_RESUME:
		do_login_command(client, &command);
		break;
	default:
		do_user_command(client, &command);
	}
}

/* -- bytes and lines --------------------------------------------------------------- */

static bool
may_go_on(const struct client *client)
{
	return client->job == NULL && !client->leaving && !client->broken &&
	    client->out.own < OWN_MOST;
}

/* Does the lines that are there, as long as the client may go on. */
static void
do_lines(struct client *client)
{
	size_t next = 0;

	while (may_go_on(client)) {
		char *start = client->in + next;
		char *end = memchr(start, '\n', client->filled - next);
		size_t length = end != NULL ? (size_t)(end - start) : 0;

		if (end == NULL)
			break;
		next += length + 1;
		if (length > 0 && start[length - 1] == '\r')
			length--;
		start[length] = '\0';
		if (!client->skipping && length <= NET_LINE_MAX)
			do_line(client, start, length);
		else if (!client->skipping)
			answer(client, "ERR too-long");
		client->skipping = false;
	}
	memmove(client->in, client->in + next, client->filled - next);
	client->filled -= next;
	if (may_go_on(client) && client->filled > NET_LINE_MAX + 1) {
		if (!client->skipping)
			answer(client, "ERR too-long");
		client->skipping = true;
	}
	if (client->skipping &&
	    memchr(client->in, '\n', client->filled) == NULL)
		client->filled = 0;
	if (may_go_on(client) && client->ended)
		client->leaving = true; /* half a line is dropped */
}

static void
receive(struct client *client)
{
	size_t room = sizeof(client->in) - client->filled;
	ssize_t n =
	    recv(client->fd, client->in + client->filled, room, MSG_DONTWAIT);

	if (n > 0)
		client->filled += (size_t)n;
	else if (n == 0)
		client->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		client->broken = true;
}

/* -- clients ------------------------------------------------------------------------- */

static int
make_room(void)
{
	size_t room = client_room * 2 + 16;
	struct client **more = realloc(clients, room * sizeof(struct client *));
	struct pollfd *more_polled;

	if (more == NULL)
		return -1;
	clients = more;
	more_polled = realloc(polled, (room + 2) * sizeof(*polled));
	if (more_polled == NULL)
		return -1;
	polled = more_polled;
	client_room = room;
	return 0;
}

static void
client_add(int fd, const struct net_address *from)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL ||
	    (client_count == client_room && make_room() < 0)) {
		warn("no memory for a client");
		free(client);
		close(fd);
		return;
	}
	client->fd = fd;
	net_format(from, client->address);
	clients[client_count++] = client;
	printf("client %s connected\n", client->address);
	answer(client, "OK chat ready");
}

static void
client_remove(size_t i)
{
	struct client *client = clients[i];
	char line[64];

	clients[i] = clients[--client_count];
	if (client->name[0] != '\0') {
		snprintf(line, sizeof(line), "LEAVE %s\n", client->name);
		tell_others(client, line);
	}
	if (client->job != NULL)
		client->job->owner = NULL;
	close(client->fd);
	printf("client %s disconnected\n", client->address);
	outbox_clear(&client->out);
	free(client);
}

/* Takes all who wait. Returns whether there are descriptors left. */
static bool
accept_all(int listener, bool was_short)
{
	struct net_address from;
	int fd;

	for (;;) {
		from.size = sizeof(from);
		fd = accept4(listener, &from.any, &from.size,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			client_add(fd, &from);
			was_short = false;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			break;
		}
	}
	if (errno == EAGAIN)
		return true;
	if (!was_short)
		warn("accept");
	return false;
}

/* Sends what goes, closes who is done; until nobody leaves any more. */
static void
settle(void)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = client_count; i-- > 0;) {
			struct client *client = clients[i];

			if (!client->broken &&
			    outbox_send(&client->out, client->fd) < 0)
				client->broken = true;
			if (!client->broken &&
			    (!client->leaving || client->out.first != NULL))
				continue;
			client_remove(i);
			again = true;
		}
	}
}

/* -- the loop ---------------------------------------------------------------------------- */

static size_t
poll_all(int listener, int bell, bool is_short, const sigset_t *mask)
{
	struct timespec retry = {0, RETRY_MS * 1000000L};

	polled[0] = (struct pollfd){is_short ? -1 : listener, POLLIN, 0};
	polled[1] = (struct pollfd){bell, POLLIN, 0};
	for (size_t i = 0; i < client_count; i++) {
		const struct client *client = clients[i];
		short events = client->out.first != NULL ? POLLOUT : 0;

		if (may_go_on(client) && !client->ended)
			events |= POLLIN;
		polled[i + 2] = (struct pollfd){client->fd, events, 0};
	}
	if (ppoll(polled, client_count + 2, is_short ? &retry : NULL, mask) < 0)
		return 0;
	return client_count;
}

static void
serve(int listener, int bell, const sigset_t *mask)
{
	bool is_short = false;

	while (!stopped) {
		size_t seen = poll_all(listener, bell, is_short, mask);
		struct job *job;

		while ((job = hashers_take()) != NULL)
			finish_job(job);
		for (size_t i = 0; i < seen; i++) {
			struct client *client = clients[i];
			short events = polled[i + 2].revents;

			if (events & (POLLERR | POLLHUP) && client->job == NULL)
				client->broken |= (events & POLLERR) != 0;
			if (may_go_on(client) && !client->ended &&
			    events & (POLLIN | POLLHUP))
				receive(client);
		}
		for (size_t i = 0; i < client_count; i++)
			do_lines(clients[i]);
		settle();
		is_short = !accept_all(listener, is_short);
		settle();
	}
}

static void
on_stop(int number)
{
	(void)number;
	stopped = 1;
}

/* Signals are heard in ppoll alone; mask is what it then waits with. */
static void
catch_stop_signals(sigset_t *mask)
{
	struct sigaction action = {.sa_handler = on_stop};
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static long
number(const char *text, long least, long most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' || value < least ||
	    value > most) {
		fprintf(stderr,
		    "chat_server: %s: not a number from %ld to %ld\n%s", text,
		    least, most, usage);
		exit(2);
	}
	return value;
}

struct options {
	const char *host, *users_file, *history_file;
	int port;
	long size;
};

static void
read_options(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "a:p:u:H:n:c:h")) != -1)
		switch (option) {
		case 'a':
			options->host = optarg;
			break;
		case 'p':
			options->port = (int)number(optarg, 0, 65535);
			break;
		case 'u':
			options->users_file = optarg;
			break;
		case 'H':
			options->history_file = optarg;
			break;
		case 'n':
			options->size = number(optarg, 0, 100000);
			break;
		case 'c':
			cost =
			    (int)number(optarg, USERS_COST_MIN, USERS_COST_MAX);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	if (optind < argc) {
		fprintf(stderr, "chat_server: %s: too much\n%s", argv[optind],
		    usage);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct options options = {
	    "127.0.0.1", "users.txt", "history.txt", 9090, 50};
	struct net_address address;
	char name[NET_NAME_SIZE];
	sigset_t mask;
	int listener, bell;

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	read_options(argc, argv, &options);
	if (net_parse(options.host, options.port, &address) < 0) {
		fprintf(stderr, "chat_server: %s: not an address\n%s",
		    options.host, usage);
		return 2;
	}
	users = users_open(options.users_file);
	if (users == NULL)
		err(1, "%s", options.users_file);
	if (history_open(&history, options.history_file, (size_t)options.size) <
	    0)
		err(1, "%s", options.history_file);
	puts("server started");
	catch_stop_signals(&mask);
	bell = hashers_start();
	if (bell < 0 || make_room() < 0)
		err(1, "start");
	net_format(&address, name);
	listener = net_listen(&address);
	if (listener < 0)
		err(1, "listen on %s", name);
	/* A queue as short as in old textbooks: listen(2) may set it anew. */
	if (listen(listener, 2) < 0 || fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
		err(1, "listener");
	net_format(&address, name);
	printf("listening on %s\n", name);
	serve(listener, bell, &mask);
	close(listener);
	hashers_stop();
	while (client_count > 0) {
		clients[client_count - 1]->name[0] = '\0';
		clients[client_count - 1]->job = NULL;
		client_remove(client_count - 1);
	}
	while (tokens != NULL) {
		struct token *next = tokens->next;

		free(tokens);
		tokens = next;
	}
	history_close(&history);
	users_close(users);
	free(clients);
	free(polled);
	puts("server stopped");
	return 0;
}
