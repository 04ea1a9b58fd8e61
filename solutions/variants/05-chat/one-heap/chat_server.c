/*
 * chat_server - a chat for those who have an account
 *
 *	chat_server [-a ADDRESS] [-p PORT] [-u USERS_FILE] [-H HISTORY_FILE]
 *	            [-n HISTORY_SIZE] [-c COST]
 *
 * The main thread accepts clients and takes the signals (clients.c). Each
 * client has a thread that reads its lines and does what they say (here). One
 * more thread, the postman, sends to all who are logged in (room.c).
 *
 * What the threads share lies in three modules, each with a lock of its own:
 *
 *	accounts    who may enter: the identification file, tokens
 *	room        who is online, and what waits to be sent to them
 *	history     what was said
 *
 * A thread that needs two of these locks takes them in this order, from top to
 * bottom, and never the other way: accounts enters the room, the room writes
 * the history. As no thread ever waits for a lock above one that it holds, no
 * two of them can wait for each other. Beside these there are locks that are
 * only held alone: the list of clients, the gate before the hashes.
 *
 * This is the reference but for one call of glibc's, mallopt(3) in main, which
 * gives all threads one heap. What that buys is said in docs/en/fan-out.md.
 */

#define _POSIX_C_SOURCE 200809L

#include "accounts.h"
#include "clients.h"
#include "command.h"
#include "history.h"
#include "net.h"
#include "room.h"
#include "text.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HISTORY_MAX = 100000, /* messages */
};

static const char usage[] =
    "usage: chat_server [-a ADDRESS] [-p PORT] [-u USERS_FILE]\n"
    "                   [-H HISTORY_FILE] [-n HISTORY_SIZE] [-c COST]\n";

/* What the command line says. */
struct options {
	const char *host;
	int port;
	const char *users;   /* path of the identification file */
	const char *history; /* path of the history file */
	int size;            /* messages that are remembered */
	int cost;            /* of a password's hash */
};

/* A conversation with a client, used by the client's thread alone. */
struct talk {
	struct user user;
	bool online; /* the user is in the room */
};

/*
 * Sends a client one line, given without its end. While the client is in the
 * room that is the postman's work: two threads that write to one socket would
 * mix their lines. A failure shows when the next line is read.
 */
static void
answer(struct talk *talk, const char *line)
{
	char whole[64]; /* these lines are short */
	int length;

	if (talk->online) {
		room_answer(&talk->user, line);
		return;
	}
	length = snprintf(whole, sizeof(whole), "%s\n", line);
	(void)net_send_all(talk->user.fd, whole, (size_t)length);
}

/* Does REGISTER, LOGIN and RESUME. */
static void
do_enter(struct talk *talk, const struct command *command)
{
	const char *error;

	if (talk->online) { /* one connection, one user */
		answer(talk, "ERR already-online");
		return;
	}
	if (command->word == COMMAND_REGISTER)
		error = accounts_register(
		    &talk->user, command->name, command->password);
	else if (command->word == COMMAND_LOGIN)
		error = accounts_login(
		    &talk->user, command->name, command->password);
	else
		error = accounts_resume(&talk->user, command->argument);
	if (error == NULL)
		talk->online = true; /* the room has sent the welcome */
	else
		answer(talk, error);
}

static void
do_say(struct talk *talk, const char *text)
{
	if (text[0] == '\0')
		answer(talk, "ERR empty");
	else if (!text_is_plain(text))
		answer(talk, "ERR bad-text");
	else if (room_say(&talk->user, text) < 0)
		answer(talk, "ERR server-error");
}

static void
do_history(struct talk *talk, const char *argument)
{
	long count = HISTORY_MAX;

	if (argument[0] != '\0')
		count = command_number(argument, HISTORY_MAX);
	if (count < 0)
		answer(talk, "ERR bad-number");
	else
		room_history(&talk->user, (size_t)count);
}

/* Does what a line says. Returns false if the client has said goodbye. */
static bool
obey(struct talk *talk, const struct command *command)
{
	switch (command->word) {
	case COMMAND_REGISTER:
	case COMMAND_LOGIN:
	case COMMAND_RESUME:
		do_enter(talk, command);
		return true;
	case COMMAND_QUIT:
		answer(talk, "OK bye");
		return false;
	case COMMAND_UNKNOWN:
		answer(talk, "ERR unknown-command");
		return true;
	default:
		break;
	}
	if (!talk->online)
		answer(talk, "ERR login-first");
	else if (command->word == COMMAND_SAY)
		do_say(talk, command->text);
	else if (command->word == COMMAND_WHO)
		room_who(&talk->user);
	else
		do_history(talk, command->argument);
	return true;
}

/* Reads a client's lines and does what they say, until it leaves. */
static void
converse(struct talk *talk)
{
	struct net_reader reader = {.fd = talk->user.fd};
	char line[NET_LINE_MAX + 1];
	struct command command;
	bool more = true;

	answer(talk, "OK chat ready");
	while (more) {
		ssize_t length = net_read_line(&reader, line);

		if (length >= 0) {
			command_parse(line, (size_t)length, &command);
			more = obey(talk, &command);
		} else if (errno == EMSGSIZE) {
			answer(talk, "ERR too-long");
		} else {
			more = false;
		}
		if (talk->online)
			room_wait(&talk->user);
	}
}

/* The work of a client's thread: all that there is to do with a client. */
static void
serve(int fd)
{
	struct talk talk = {.user = {.fd = fd}};

	converse(&talk);
	if (talk.online) {
		/* A client that has sent all may still read the answers. */
		room_flush(&talk.user);
		room_leave(&talk.user);
	}
}

/* Ends the program because its arguments are wrong. */
static _Noreturn void
exit_with_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

/*
 * The number that text is, from least to most, for the option of that name. A
 * number too large for strtol(3) becomes LONG_MAX, which is refused as well:
 * there is no need to look at errno.
 */
static int
parse_number(const char *name, const char *text, long least, long most)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' ||
	    number < least || number > most) {
		warnx("%s '%s': not a number from %ld to %ld", name, text,
		    least, most);
		exit_with_usage();
	}
	return (int)number;
}

/* Reads the command line. */
static void
parse_arguments(int argc, char *argv[], struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "a:p:u:H:n:c:h")) != -1) {
		switch (option) {
		case 'a':
			options->host = optarg;
			break;
		case 'p':
			options->port = parse_number("port", optarg, 0, 65535);
			break;
		case 'u':
			options->users = optarg;
			break;
		case 'H':
			options->history = optarg;
			break;
		case 'n':
			options->size = parse_number(
			    "history size", optarg, 0, HISTORY_MAX);
			break;
		case 'c':
			options->cost = parse_number(
			    "cost", optarg, USERS_COST_MIN, USERS_COST_MAX);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default: /* getopt has said what is wrong */
			exit_with_usage();
		}
	}
	if (optind < argc) {
		warnx("surplus operand '%s'", argv[optind]);
		exit_with_usage();
	}
}

/* Opens the files, or ends the program. */
static void
open_files(const struct options *options)
{
	size_t size = (size_t)options->size;

	if (history_open(options->history, size) < 0)
		err(1, "history file %s", options->history);
	if (accounts_open(options->users, options->cost, size) < 0)
		err(1, "identification file %s", options->users);
}

int
main(int argc, char *argv[])
{
	struct options options = {
	    "127.0.0.1", 9090, "users.txt", "history.txt", 50, 5};
	struct net_address address;
	char name[NET_NAME_SIZE];
	int listener, error;

	parse_arguments(argc, argv, &options);
	if (net_parse(options.host, options.port, &address) < 0) {
		warnx("address '%s': neither IPv4 nor IPv6", options.host);
		exit_with_usage();
	}

	/* Whole lines, as soon as they are printed, into a pipe too. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	/* A peer, a pipe or a disk may fail: then the call says so. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	clients_hold_signals();
	/*
	 * By default malloc(3) gives threads heaps of their own. What one
	 * thread allocates another frees here.
	 */
	mallopt(M_ARENA_MAX, 1);
	printf("server started\n");

	open_files(&options);
	net_format(&address, name);
	listener = net_listen(&address);
	if (listener < 0)
		err(1, "listen on %s", name);
	error = room_start();
	if (error != 0)
		errx(1, "start the postman: %s", strerror(error));
	net_format(&address, name);
	printf("listening on %s\n", name);

	clients_accept(listener, serve);
	accounts_stop();
	clients_stop();
	room_stop();
	close(listener);
	accounts_close();
	history_close();
	printf("server stopped\n");
	return 0;
}
