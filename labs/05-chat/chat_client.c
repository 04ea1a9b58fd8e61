/*
 * chat_client - talks with those who are on a chat_server
 *
 *	chat_client [-a ADDRESS] [-p PORT] NAME
 *
 * The main thread reads the keyboard and sends; a second one reads from the
 * socket and prints. Both meet at the screen, which terminal.c guards. A name
 * that the server does not know is registered with the password given.
 */

#define _POSIX_C_SOURCE 200809L

#include "net.h"
#include "terminal.h"
#include "text.h"
#include "users.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: chat_client [-a ADDRESS] [-p PORT] NAME\n"
    "       /who, /history [N] and /quit are commands, all else is said\n";

/* What the command line says. */
struct options {
	const char *host;
	int port;
	const char *name;
};

/*
 * The connection. What the server sends may be longer than a line that it
 * accepts, by "MSG " and a name, so lines are read with getline(3).
 */
struct chat {
	int fd;       /* the main thread sends to it */
	FILE *in;     /* the same socket, to receive; in, line and size are */
	char *line;   /* the main thread's until the login, */
	size_t size;  /* then the listener's */
	bool bye;     /* the listener's: the last line was a goodbye */
	int ended[2]; /* a pipe: the listener closes [1] at its end */
};

/* Sends a line, made of two parts. A failure shows when we read. */
static void
send_line(const struct chat *chat, const char *command, const char *rest)
{
	char line[NET_LINE_MAX + 2];
	int length = snprintf(line, sizeof(line), "%s%s\n", command, rest);

	if (length > 0 && (size_t)length < sizeof(line))
		(void)net_send_all(chat->fd, line, (size_t)length);
}

/*
 * Waits for a line of the server and returns it without its end, until the
 * next call; NULL when there is none any more.
 */
static const char *
receive(struct chat *chat)
{
	ssize_t length = getline(&chat->line, &chat->size, chat->in);

	if (length <= 0 || chat->line[length - 1] != '\n')
		return NULL;
	chat->line[length - 1] = '\0';
	return chat->line;
}

/* The rest of the line, if it begins so; else NULL. */
static const char *
after(const char *line, const char *beginning)
{
	size_t length = strlen(beginning);

	return strncmp(line, beginning, length) == 0 ? line + length : NULL;
}

/* Prints a line of the server as a person wants to read it. */
static void
show(const char *line)
{
	/*
	 * TODO 8: so far the lines are shown as they come. People want to
	 * read NAME: TEXT, and who has come and left.
	 */
	terminal_print(line);
}

/* The life of the listener: prints what the server sends, to its end. */
static void *
listener_main(void *argument)
{
	/* TODO 8: receive and show, as long as there is something. */
	struct chat *chat = argument;

	(void)show;
	close(chat->ended[1]); /* this wakes the main thread */
	return NULL;
}

/*
 * Sends a command that asks to be let in, and returns NULL if the answer is
 * yes, or what the server says after "ERR ", until the next line is read.
 */
static const char *
ask(struct chat *chat, const char *command, const char *name,
    const char *password)
{
	char rest[USERS_NAME_MAX + USERS_PASSWORD_MAX + 2];
	const char *line, *error;

	snprintf(rest, sizeof(rest), "%s %s", name, password);
	send_line(chat, command, rest);
	line = receive(chat);
	if (line == NULL)
		return "the server has gone";
	error = after(line, "ERR ");
	return error != NULL || after(line, "OK ") != NULL ? error : line;
}

/*
 * Logs in, or registers a name that the server does not know. It does not tell
 * whether it knows a name; but if the name can't be registered it was taken,
 * and so it was the password that was wrong. Returns as ask does.
 */
static const char *
enter(struct chat *chat, const char *name, const char *password)
{
	/* TODO 8: LOGIN; if it is denied, is the name perhaps a new one? */
	(void)ask;
	(void)chat;
	(void)name;
	(void)password;
	return "that is still to be written";
}

/* Does what a typed line says. Returns false if that is to leave. */
static bool
obey(const struct chat *chat, const char *line)
{
	/* TODO 8: SAY for a text; /who, /history, /history N, /quit. */
	(void)chat;
	(void)line;
	return false;
}

/*
 * Talks until the person has had enough, or the server. Returns 0, or -1 if
 * the server has gone without a goodbye, or the number of an error.
 */
static int
talk(struct chat *chat)
{
	/*
	 * TODO 8: start the listener, obey what is typed until there is no
	 * more of it, say QUIT, and wait for the listener's end.
	 */
	(void)chat;
	(void)listener_main;
	(void)obey;
	return -1;
}

/* Ends the program because its arguments are wrong. */
static _Noreturn void
exit_with_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

/*
 * The port that text names, 0 to 65535. A number too large for strtol(3)
 * becomes LONG_MAX, which is refused as well: there is no need to look at
 * errno.
 */
static int
parse_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' || port > 65535) {
		warnx("port '%s': not a number from 0 to 65535", text);
		exit_with_usage();
	}
	return (int)port;
}

/* Reads the command line. */
static void
parse_arguments(int argc, char *argv[], struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "a:p:h")) != -1) {
		switch (option) {
		case 'a':
			options->host = optarg;
			break;
		case 'p':
			options->port = parse_port(optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default: /* getopt has said what is wrong */
			exit_with_usage();
		}
	}
	if (optind + 1 != argc) {
		warnx(optind == argc ? "no name is given" : "surplus operand");
		exit_with_usage();
	}
	options->name = argv[optind];
	if (!users_is_name(options->name)) {
		warnx("'%s' can't be a name", options->name);
		exit_with_usage();
	}
}

/* Connects to the server and takes its greeting, or ends the program. */
static void
connect_to(const struct options *options, struct chat *chat)
{
	struct net_address address;
	char peer[NET_NAME_SIZE];
	const char *line;

	if (net_parse(options->host, options->port, &address) < 0) {
		warnx("address '%s': neither IPv4 nor IPv6", options->host);
		exit_with_usage();
	}
	net_format(&address, peer);
	chat->fd = net_connect(&address);
	if (chat->fd < 0)
		err(1, "connect to %s", peer);
	chat->in = fdopen(chat->fd, "r");
	if (chat->in == NULL)
		err(1, "read from %s", peer);
	line = receive(chat);
	if (line == NULL || after(line, "OK ") == NULL)
		errx(1, "%s is no chat server", peer);
}

/* Asks for the password and enters. Returns NULL, or why that failed. */
static const char *
log_in(struct chat *chat, const char *name)
{
	const char *password = terminal_read("password: ", true, -1);

	if (password == NULL || !users_is_password(password))
		return "that can't be a password";
	return enter(chat, name, password);
}

int
main(int argc, char *argv[])
{
	struct options options = {"127.0.0.1", 9090, NULL};
	struct chat chat = {0};
	const char *refusal;
	int result = 0;

	parse_arguments(argc, argv, &options);
	signal(SIGPIPE, SIG_IGN);
	connect_to(&options, &chat);
	if (terminal_start() < 0)
		err(1, "use the terminal");
	refusal = log_in(&chat, options.name);
	if (refusal == NULL)
		result = talk(&chat);
	terminal_stop();
	if (refusal != NULL)
		errx(1, "log in as %s: %s", options.name, refusal);
	if (result > 0)
		errx(1, "start to listen: %s", strerror(result));
	if (result < 0)
		errx(1, "the server has gone");
	free(chat.line);
	fclose(chat.in);
	close(chat.ended[0]);
	return 0;
}
