#define _POSIX_C_SOURCE 200809L

#include "clients.h"

#include "accounts.h"
#include "command.h"
#include "log.h"
#include "text.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A client that is connected. Key to the fields here and below:
 *	(S) set before the thread starts, only read after that
 *	(T) the thread's own
 *	(L) clients.lock must be held, while clients leads to the client
 */
struct client {
	int fd;                   /* (S) its socket */
	char name[NET_NAME_SIZE]; /* (S) its address and port */
	struct account account;   /* (T) as whom it is logged in */
	struct client *next;      /* (L) in the list of clients */
};

/* All clients. Nothing that may block is done while the lock is held. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t empty; /* there is no first client any more */
	struct client *first; /* (L) list of those that are served */
	size_t count;         /* (L) how many they are */
} clients = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .empty = PTHREAD_COND_INITIALIZER,
};

/* -- what a client is told ------------------------------------------------- */

/* Sends a formatted line. A client that is gone is noticed when it is read. */
static void
reply(const struct client *client, const char *format, ...)
{
	char line[NET_LINE_MAX + 64];
	va_list values;
	int length;

	va_start(values, format);
	length = vsnprintf(line, sizeof(line) - 1, format, values);
	va_end(values);
	line[length++] = '\n';
	if (net_send_all(client->fd, line, (size_t)length) == 0)
		log_write("sent %d bytes to %s", length, client->name);
}

/* REGISTER and LOGIN: error is what accounts.h has answered. */
static void
welcome(const struct client *client, const struct command *command,
    const char *error)
{
	const char *back = command->word == COMMAND_LOGIN ? "back " : "";
	bool is_name = users_is_name(command->name); /* fit to be read */

	/* First the answer: who has got it may look in vain into the log. */
	if (error == NULL)
		reply(client, "OK welcome %s%s", back, command->name);
	else
		reply(client, "ERR %s", error);
	if (error == NULL)
		log_say("%s logged in", command->name);
	else if (command->word == COMMAND_LOGIN)
		log_say("login refused for %s", is_name ? command->name : "?");
}

static void
register_or_login(struct client *client, const struct command *command)
{
	struct account *account = &client->account;

	if (account->name[0] != '\0')
		reply(client, "ERR already-online");
	else if (command->word == COMMAND_LOGIN)
		welcome(client, command,
		    accounts_login(account, command->name, command->password));
	else
		welcome(client, command,
		    accounts_register(
			account, command->name, command->password));
}

static void
say(const struct client *client, const char *text)
{
	if (client->account.name[0] == '\0')
		reply(client, "ERR login-first");
	else if (text[0] == '\0')
		reply(client, "ERR empty");
	else if (!text_is_plain(text))
		reply(client, "ERR bad-text");
	else
		reply(client, "ECHO %s", text);
}

/* -- the life of a client -------------------------------------------------- */

/* Told by net_read_line of each recv(2) that brought something. */
static void
log_received(const void *argument, size_t size)
{
	const struct client *client = argument;

	log_write("received %zu bytes from %s", size, client->name);
}

/* Answers what a client sends until it says QUIT or is gone. */
static void
serve(struct client *client)
{
	struct net_reader reader = {
	    .fd = client->fd, .received = log_received, .owner = client};
	char line[NET_LINE_MAX + 1];
	struct command command;

	for (;;) {
		ssize_t length = net_read_line(&reader, line);

		if (length < 0 && errno != EMSGSIZE)
			return;
		if (length < 0) {
			reply(client, "ERR too-long");
			continue;
		}
		command_parse(line, (size_t)length, &command);
		switch (command.word) {
		case COMMAND_REGISTER:
		case COMMAND_LOGIN:
			register_or_login(client, &command);
			break;
		case COMMAND_SAY:
			say(client, command.text);
			break;
		case COMMAND_QUIT:
			reply(client, "OK bye");
			return;
		default: /* among them what only the chat of lab 05 has */
			reply(client, "ERR unknown-command");
		}
	}
}

/*
 * Gives back what a client has used. Its thread is detached: nobody joins it,
 * but clients_stop waits until none is counted. What follows the unlocking
 * touches nothing that main frees.
 */
static void
client_leave(struct client *client)
{
	struct client **link = &clients.first;

	pthread_mutex_lock(&clients.lock);
	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	close(client->fd);
	free(client);
	if (--clients.count == 0)
		pthread_cond_broadcast(&clients.empty);
	pthread_mutex_unlock(&clients.lock);
}

/* The life of a client's thread; argument is its struct client. */
static void *
client_main(void *argument)
{
	struct client *client = argument;

	log_say("client %s connected", client->name);
	serve(client);
	log_say("client %s disconnected", client->name);
	accounts_leave(&client->account);
	client_leave(client);
	return NULL;
}

/* Starts the thread of a client. Returns 0, or pthread_create's error. */
static int
client_start(struct client *client)
{
	pthread_attr_t detached;
	pthread_t thread;
	int error;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	/* Under the lock, so that no thread leaves before it is listed. */
	pthread_mutex_lock(&clients.lock);
	error = pthread_create(&thread, &detached, client_main, client);
	if (error == 0) {
		client->next = clients.first;
		clients.first = client;
		clients.count++;
	}
	pthread_mutex_unlock(&clients.lock);
	pthread_attr_destroy(&detached);
	return error;
}

void
clients_add(int fd, const struct net_address *address)
{
	struct client *client = calloc(1, sizeof(*client));
	int error = ENOMEM;

	if (client != NULL) {
		client->fd = fd;
		net_format(address, client->name);
		error = client_start(client);
	}
	if (error != 0) {
		errno = error; /* where warn(3) looks for the reason */
		warn("serve a client");
		close(fd);
		free(client);
	}
}

size_t
clients_count(void)
{
	size_t count;

	pthread_mutex_lock(&clients.lock);
	count = clients.count;
	pthread_mutex_unlock(&clients.lock);
	return count;
}

void
clients_stop(void)
{
	pthread_mutex_lock(&clients.lock);
	for (struct client *c = clients.first; c != NULL; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	while (clients.count > 0)
		pthread_cond_wait(&clients.empty, &clients.lock);
	pthread_mutex_unlock(&clients.lock);
}
