/*
 * chat_server - a chat with two threads for each client
 *
 * A reader takes a client's commands and does them; a writer sends what has
 * come into the client's queue. Another thread accepts, and the main thread
 * waits for a signal to stop.
 *
 * Locks, in the order in which they are taken: room.lock, then a queue's.
 * The users have a lock of their own, beside which none is held.
 */

#define _GNU_SOURCE

#include "command.h"
#include "net.h"
#include "queue.h"
#include "text.h"
#include "users.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { TOKEN_SIZE = 33, STACK_SIZE = 256 * 1024, RETRY_MS = 100 };

static const char usage[] =
    "usage: chat_server [-a ADDRESS] [-p PORT] [-u USERS_FILE] "
    "[-H HISTORY_FILE] [-n HISTORY_SIZE] [-c COST]\n";

struct client {
	struct client *next, *previous; /* room.lock */
	int fd;
	char address[NET_NAME_SIZE];
	char name[USERS_NAME_MAX + 1]; /* room.lock; its reader alone writes */
	struct queue queue;
	pthread_t writer;
};

struct token {
	struct token *next;
	char name[USERS_NAME_MAX + 1], text[TOKEN_SIZE];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t left; /* a client has left */
	struct client *clients;
	int count;
	bool stopping;
	struct token *tokens;
	FILE *file;      /* of the history */
	char **messages; /* a ring: */
	size_t size, said;
} room = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;
static struct users *users;
static pthread_attr_t attributes;
static int cost = 5, listener;

/* -- telling ---------------------------------------------------------------------- */

static void
put(struct client *client, const char *text, bool own)
{
	if (queue_put(&client->queue, text, own))
		shutdown(client->fd, SHUT_RDWR); /* wakes both its threads */
}

static void
answer(struct client *client, const char *text)
{
	char line[NET_LINE_MAX + 128];

	snprintf(line, sizeof(line), "%s\n", text);
	put(client, line, true);
}

/* Tells all who are logged in, but for one. room.lock is held. */
static void
tell_others_locked(
    const struct client *except, const char *word, const char *rest)
{
	char line[NET_LINE_MAX + 128];

	snprintf(line, sizeof(line), "%s %s\n", word, rest);
	for (struct client *c = room.clients; c != NULL; c = c->next)
		if (c != except && c->name[0] != '\0')
			put(c, line, false);
}

static bool
is_online_locked(const char *name)
{
	for (struct client *c = room.clients; c != NULL; c = c->next)
		if (strcmp(c->name, name) == 0)
			return true;
	return false;
}

static void
send_history_locked(struct client *client, size_t most)
{
	size_t kept = room.said < room.size ? room.said : room.size;
	char line[NET_LINE_MAX + 128];

	for (size_t i = room.said - (most < kept ? most : kept); i < room.said;
	     i++) {
		snprintf(
		    line, sizeof(line), "MSG %s", room.messages[i % room.size]);
		answer(client, line);
	}
	answer(client, "OK END");
}

/* -- the history -------------------------------------------------------------------- */

static int
remember_locked(const char *line)
{
	char *copy;

	if (room.size > 0) {
		copy = strdup(line);
		if (copy == NULL)
			return -1;
		free(room.messages[room.said % room.size]);
		room.messages[room.said % room.size] = copy;
		room.said++;
	}
	return 0;
}

/* Writes a message to the file, whole or not at all. */
static int
record_locked(const char *line)
{
	off_t end = lseek(fileno(room.file), 0, SEEK_END);

	if (fprintf(room.file, "%s\n", line) >= 0 && fflush(room.file) == 0)
		return remember_locked(line);
	clearerr(room.file);
	if (ftruncate(fileno(room.file), end) < 0)
		warn("history");
	/* What is still in the buffer must not come later. */
	fclose(room.file);
	return -1;
}

static FILE *
history_open(const char *path)
{
	FILE *file = fopen(path, "a+e");
	char *line = NULL;
	size_t space = 0;
	ssize_t n;
	off_t whole = 0;

	if (file == NULL)
		return NULL;
	rewind(file);
	while ((n = getline(&line, &space, file)) > 0 && line[n - 1] == '\n') {
		line[n - 1] = '\0';
		whole += n;
		if (remember_locked(line) < 0)
			err(1, "%s", path);
	}
	free(line);
	if (ftruncate(fileno(file), whole) < 0)
		err(1, "%s", path);
	fseek(file, 0, SEEK_END);
	return file;
}

/* -- logging in ------------------------------------------------------------------------ */

static struct token *
token_of_locked(const char *name)
{
	struct token *token;
	unsigned char bits[16];

	for (token = room.tokens; token != NULL; token = token->next)
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
	token->next = room.tokens;
	room.tokens = token;
	return token;
}

static void
log_in_locked(struct client *client, const char *name, const char *welcome)
{
	const struct token *token;
	char line[128];

	if (is_online_locked(name)) {
		answer(client, "ERR already-online");
		return;
	}
	token = token_of_locked(name);
	if (token == NULL) {
		answer(client, "ERR server-error");
		return;
	}
	snprintf(line, sizeof(line), "OK %s %s %s", welcome, name, token->text);
	answer(client, line);
	send_history_locked(client, room.size);
	strcpy(client->name, name);
	tell_others_locked(client, "JOIN", name);
}

static void
log_in(struct client *client, const char *name, const char *welcome)
{
	pthread_mutex_lock(&room.lock);
	log_in_locked(client, name, welcome);
	pthread_mutex_unlock(&room.lock);
}

static void
do_register(struct client *client, const struct command *command)
{
	char hash[USERS_HASH_SIZE];
	int error = 0;

	if (!users_is_name(command->name)) {
		answer(client, "ERR bad-name");
		return;
	}
	if (!users_is_password(command->password)) {
		answer(client, "ERR bad-password");
		return;
	}
	if (users_hash(command->password, cost, hash) < 0) {
		answer(client, "ERR server-error");
		return;
	}
	pthread_mutex_lock(&users_lock);
	if (users_add(users, command->name, hash) < 0)
		error = errno;
	pthread_mutex_unlock(&users_lock);
	if (error == 0)
		log_in(client, command->name, "welcome");
	else
		answer(client,
		    error == EEXIST ? "ERR name-taken" : "ERR server-error");
}

static void
do_login(struct client *client, const struct command *command)
{
	char hash[USERS_HASH_SIZE];

	pthread_mutex_lock(&users_lock);
	users_find(users, command->name, hash);
	pthread_mutex_unlock(&users_lock);
	if (users_check(hash, command->password, cost))
		log_in(client, command->name, "welcome back");
	else
		answer(client, "ERR denied");
}

static void
do_resume(struct client *client, const char *text)
{
	const struct token *token;

	pthread_mutex_lock(&room.lock);
	for (token = room.tokens; token != NULL; token = token->next)
		if (strcmp(token->text, text) == 0)
			break;
	if (token != NULL)
		log_in_locked(client, token->name, "welcome back");
	else
		answer(client, "ERR denied");
	pthread_mutex_unlock(&room.lock);
}

/* -- commands --------------------------------------------------------------------------- */

static const char *history_path;

static void
do_say(struct client *client, const char *text)
{
	char line[NET_LINE_MAX + 64];

	if (*text == '\0') {
		answer(client, "ERR empty");
		return;
	}
	if (!text_is_plain(text)) {
		answer(client, "ERR bad-text");
		return;
	}
	snprintf(line, sizeof(line), "%s %s", client->name, text);
	pthread_mutex_lock(&room.lock);
	if (room.file == NULL)
		room.file = fopen(history_path, "a+e");
	if (room.file == NULL || record_locked(line) < 0) {
		room.file = NULL;
		answer(client, "ERR server-error");
	} else {
		tell_others_locked(client, "MSG", line);
		answer(client, "OK");
	}
	pthread_mutex_unlock(&room.lock);
}

static int
compare(const void *one, const void *other)
{
	const char *const *a = one, *const *b = other;

	return strcmp(*a, *b);
}

static void
do_who(struct client *client)
{
	char line[USERS_NAME_MAX + 8];
	const char **names;
	size_t n = 0;

	pthread_mutex_lock(&room.lock);
	names = calloc((size_t)room.count + 1, sizeof(*names));
	for (struct client *c = room.clients; c != NULL && names != NULL;
	     c = c->next)
		if (c->name[0] != '\0')
			names[n++] = c->name;
	if (names != NULL)
		qsort(names, n, sizeof(*names), compare);
	for (size_t i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "USER %s", names[i]);
		answer(client, line);
	}
	answer(client, names != NULL ? "OK END" : "ERR server-error");
	pthread_mutex_unlock(&room.lock);
	free(names);
}

static void
do_history(struct client *client, const char *text)
{
	long most = *text == '\0' ? 100000 : command_number(text, 100000);

	if (most < 0) {
		answer(client, "ERR bad-number");
		return;
	}
	pthread_mutex_lock(&room.lock);
	answer(client, "OK HISTORY");
	send_history_locked(client, (size_t)most);
	pthread_mutex_unlock(&room.lock);
}

static void
do_command(struct client *client, const struct command *command)
{
	bool logged_in = client->name[0] != '\0';

	if (command->word == COMMAND_UNKNOWN)
		answer(client, "ERR unknown-command");
	else if (command->word == COMMAND_REGISTER ||
	    command->word == COMMAND_LOGIN || command->word == COMMAND_RESUME) {
		if (logged_in)
			answer(client, "ERR already-online");
		else if (command->word == COMMAND_REGISTER)
			do_register(client, command);
		else if (command->word == COMMAND_LOGIN)
			do_login(client, command);
		else
			do_resume(client, command->argument);
	} else if (!logged_in)
		answer(client, "ERR login-first");
	else if (command->word == COMMAND_SAY)
		do_say(client, command->text);
	else if (command->word == COMMAND_WHO)
		do_who(client);
	else
		do_history(client, command->argument);
}

/* -- a client's threads -------------------------------------------------------------------- */

static void *
write_all(void *argument)
{
	struct client *client = argument;
	struct line *lines;

	while ((lines = queue_take(&client->queue)) != NULL) {
		for (struct line *line = lines; line != NULL;
		     line = line->next) {
			if (net_send_all(client->fd, line->text, line->size) <
			    0)
				queue_break(&client->queue);
			queue_sent(&client->queue, line);
		}
		queue_free(lines);
	}
	return NULL;
}

static void
read_all(struct client *client)
{
	struct net_reader reader = {.fd = client->fd};
	struct command command;
	char line[NET_LINE_MAX + 1];
	ssize_t n;

	for (;;) {
		queue_await_room(&client->queue);
		n = net_read_line(&reader, line);
		if (n < 0 && errno == EMSGSIZE) {
			answer(client, "ERR too-long");
			continue;
		}
		if (n < 0)
			return;
		command_parse(line, (size_t)n, &command);
		if (command.word == COMMAND_QUIT) {
			answer(client, "OK bye");
			return;
		}
		do_command(client, &command);
	}
}

/* Takes a client out of the room, and frees it when its writer is done. */
static void
client_leave(struct client *client)
{
	pthread_mutex_lock(&room.lock);
	if (client->name[0] != '\0' && !room.stopping)
		tell_others_locked(client, "LEAVE", client->name);
	client->name[0] = '\0'; /* it stays in the list, to be shut down */
	pthread_mutex_unlock(&room.lock);
	queue_close(&client->queue);
	pthread_join(client->writer, NULL);
	pthread_mutex_lock(&room.lock);
	if (client->previous != NULL)
		client->previous->next = client->next;
	else
		room.clients = client->next;
	if (client->next != NULL)
		client->next->previous = client->previous;
	close(client->fd);
	printf("client %s disconnected\n", client->address);
	queue_destroy(&client->queue);
	free(client);
	room.count--;
	pthread_cond_broadcast(&room.left);
	pthread_mutex_unlock(&room.lock);
}

static void *
serve(void *argument)
{
	struct client *client = argument;

	answer(client, "OK chat ready");
	read_all(client);
	client_leave(client);
	return NULL;
}

static int
start_threads(struct client *client)
{
	pthread_t reader;
	int error =
	    pthread_create(&client->writer, &attributes, write_all, client);

	if (error != 0)
		return error;
	error = pthread_create(&reader, &attributes, serve, client);
	if (error == 0) {
		pthread_detach(reader);
		return 0;
	}
	queue_break(&client->queue);
	pthread_join(client->writer, NULL);
	return error;
}

static void
client_start(int fd, const struct net_address *from)
{
	struct client *client = calloc(1, sizeof(*client));
	int error = ENOMEM;

	if (client != NULL) {
		client->fd = fd;
		net_format(from, client->address);
		queue_init(&client->queue);
		pthread_mutex_lock(&room.lock);
		client->next = room.clients;
		if (client->next != NULL)
			client->next->previous = client;
		room.clients = client;
		room.count++;
		printf("client %s connected\n", client->address);
		if (room.stopping)
			shutdown(fd, SHUT_RDWR);
		error = start_threads(client);
		if (error != 0) {
			room.clients = client->next;
			if (client->next != NULL)
				client->next->previous = NULL;
			room.count--;
			printf("client %s disconnected\n", client->address);
			queue_destroy(&client->queue);
			free(client);
		}
		pthread_mutex_unlock(&room.lock);
	}
	if (error != 0) {
		warnx("a client is refused: %s", strerror(error));
		close(fd);
	}
}

/* Waits until a client has left, or a moment. */
static void
await_descriptor(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += RETRY_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_mutex_lock(&room.lock);
	if (!room.stopping)
		pthread_cond_timedwait(&room.left, &room.lock, &until);
	pthread_mutex_unlock(&room.lock);
}

static bool
is_stopping(void)
{
	bool stopping;

	pthread_mutex_lock(&room.lock);
	stopping = room.stopping;
	pthread_mutex_unlock(&room.lock);
	return stopping;
}

static void *
accept_all(void *unused)
{
	struct net_address from;
	bool said = false;

	while (!is_stopping()) {
		int fd;

		from.size = sizeof(from);
		fd = accept4(listener, &from.any, &from.size, SOCK_CLOEXEC);
		if (fd >= 0) {
			said = false;
			client_start(fd, &from);
		} else if (errno == EMFILE || errno == ENFILE ||
		    errno == ENOBUFS || errno == ENOMEM) {
			if (!said)
				warn("accept");
			said = true;
			await_descriptor();
		}
	}
	return unused;
}

/* -- starting and stopping ------------------------------------------------------------------ */

static void
stop(pthread_t acceptor)
{
	pthread_mutex_lock(&room.lock);
	room.stopping = true;
	pthread_cond_broadcast(&room.left);
	pthread_mutex_unlock(&room.lock);
	shutdown(listener, SHUT_RDWR); /* wakes accept */
	pthread_join(acceptor, NULL);
	close(listener);
	pthread_mutex_lock(&room.lock);
	for (struct client *c = room.clients; c != NULL; c = c->next) {
		shutdown(c->fd, SHUT_RDWR);
		queue_break(&c->queue);
	}
	while (room.count > 0)
		pthread_cond_wait(&room.left, &room.lock);
	pthread_mutex_unlock(&room.lock);
	for (size_t i = 0; i < room.size; i++)
		free(room.messages[i]);
	free(room.messages);
	while (room.tokens != NULL) {
		struct token *next = room.tokens->next;

		free(room.tokens);
		room.tokens = next;
	}
	if (room.file != NULL)
		fclose(room.file);
	users_close(users);
	pthread_attr_destroy(&attributes);
}

static long
number(const char *text, long least, long most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (isdigit((unsigned char)text[0]) && *end == '\0' && value >= least &&
	    value <= most)
		return value;
	fprintf(stderr, "chat_server: %s: not a number from %ld to %ld\n%s",
	    text, least, most, usage);
	exit(2);
}

struct options {
	const char *host, *users_file;
	int port;
};

static void
read_options(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "a:p:u:H:n:c:h")) != -1) {
		if (option == 'a')
			options->host = optarg;
		else if (option == 'p')
			options->port = (int)number(optarg, 0, 65535);
		else if (option == 'u')
			options->users_file = optarg;
		else if (option == 'H')
			history_path = optarg;
		else if (option == 'n')
			room.size = (size_t)number(optarg, 0, 100000);
		else if (option == 'c')
			cost =
			    (int)number(optarg, USERS_COST_MIN, USERS_COST_MAX);
		else {
			fputs(usage, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
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
	struct options options = {"127.0.0.1", "users.txt", 9090};
	struct net_address address;
	char name[NET_NAME_SIZE];
	pthread_t acceptor;
	sigset_t signals;
	int got;

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	history_path = "history.txt";
	room.size = 50;
	read_options(argc, argv, &options);
	if (net_parse(options.host, options.port, &address) < 0) {
		fprintf(stderr, "chat_server: %s: not an address\n%s",
		    options.host, usage);
		return 2;
	}
	pthread_cond_init(&room.left, NULL);
	room.messages = calloc(room.size + 1, sizeof(char *));
	users = users_open(options.users_file);
	if (users == NULL)
		err(1, "%s", options.users_file);
	room.file = history_open(history_path);
	if (room.file == NULL || room.messages == NULL)
		err(1, "%s", history_path);
	puts("server started");
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	net_format(&address, name);
	listener = net_listen(&address);
	if (listener < 0)
		err(1, "listen on %s", name);
	net_format(&address, name);
	printf("listening on %s\n", name);
	errno = pthread_create(&acceptor, NULL, accept_all, NULL);
	if (errno != 0)
		err(1, "pthread_create");
	sigwait(&signals, &got);
	stop(acceptor);
	puts("server stopped");
	return 0;
}
