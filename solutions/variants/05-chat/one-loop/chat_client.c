/*
 * chat_client - a chat's client in one loop
 *
 * The terminal is in a mode in which it neither echoes nor edits: the line
 * that is typed is this program's, so it can be taken off the screen and
 * drawn again when a message comes.
 */

#define _GNU_SOURCE

#include "net.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const char usage[] = "usage: chat_client [-a ADDRESS] [-p PORT] NAME\n";

enum phase { ASKING, LOGGING_IN, REGISTERING, TALKING };

struct chat {
	int fd;
	const char *name;
	enum phase phase;
	bool over;
	int status;
	char typed[NET_LINE_MAX]; /* without an end */
	size_t length;
	char password[NET_LINE_MAX];
	char in[8192];
	size_t filled;
};

static volatile sig_atomic_t stopped;
static struct termios before;
static bool is_terminal;

static void
on_stop(int number)
{
	(void)number;
	stopped = 1;
}

static void
restore(void)
{
	if (is_terminal)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

static void
take_terminal(void)
{
	struct termios raw;

	is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	if (!is_terminal)
		return;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

static void
wipe(const struct chat *chat)
{
	if (is_terminal && chat->phase == TALKING)
		fputs("\r\033[K", stdout);
}

static void
draw(const struct chat *chat)
{
	if (is_terminal && chat->phase == TALKING)
		printf("> %.*s", (int)chat->length, chat->typed);
	fflush(stdout);
}

static void
give_up(struct chat *chat, const char *why)
{
	wipe(chat);
	fflush(stdout);
	warnx("%s", why);
	chat->over = true;
	chat->status = 1;
}

static void
send_line(struct chat *chat, const char *word, const char *rest)
{
	char line[2 * NET_LINE_MAX + 64];
	int n = snprintf(line, sizeof(line), "%s%s\n", word, rest);

	if (net_send_all(chat->fd, line, (size_t)n) < 0)
		give_up(chat, "the server is gone");
}

static void
send_password(struct chat *chat, const char *word)
{
	char rest[2 * NET_LINE_MAX];

	snprintf(rest, sizeof(rest), "%s %s", chat->name, chat->password);
	send_line(chat, word, rest);
}

static void
entered(struct chat *chat)
{
	char *text = chat->typed;

	text[chat->length] = '\0';
	chat->length = 0;
	if (chat->phase == ASKING) {
		strcpy(chat->password, text);
		explicit_bzero(text, NET_LINE_MAX);
		puts("");
		fflush(stdout);
		chat->phase = LOGGING_IN;
		send_password(chat, "LOGIN ");
	} else if (chat->phase == TALKING) {
		wipe(chat);
		if (is_terminal && text[0] != '\0' && text[0] != '/')
			printf("%s: %s\n", chat->name, text);
		if (strcmp(text, "/quit") == 0)
			chat->over = true;
		else if (strcmp(text, "/who") == 0)
			send_line(chat, "WHO", "");
		else if (strcmp(text, "/history") == 0)
			send_line(chat, "HISTORY", "");
		else if (text[0] == '/')
			puts("there are /who, /history and /quit");
		else if (text[0] != '\0')
			send_line(chat, "SAY ", text);
		draw(chat);
	}
}

static void
key(struct chat *chat, char byte)
{
	if (byte == '\n' || byte == '\r') {
		entered(chat);
	} else if (byte == 4 && is_terminal) {
		chat->over = chat->length == 0;
	} else if (byte == 127 || byte == 8) {
		while (chat->length > 0 &&
		    (chat->typed[--chat->length] & 0xc0) == 0x80)
			;
		wipe(chat);
		draw(chat);
	} else if ((unsigned char)byte >= ' ' &&
	    chat->length < sizeof(chat->typed) - 8) {
		chat->typed[chat->length++] = byte;
		if (is_terminal && chat->phase == TALKING)
			putchar(byte);
		fflush(stdout);
	}
}

static void
line_came(struct chat *chat, const char *line)
{
	const char *space;

	if (strncmp(line, "OK welcome", 10) == 0) {
		chat->phase = TALKING;
		puts(line[11] == 'b' ? "welcome back" : "welcome");
	} else if (chat->phase == LOGGING_IN &&
	    strcmp(line, "ERR denied") == 0) {
		chat->phase = REGISTERING;
		send_password(chat, "REGISTER ");
	} else if (chat->phase != TALKING && strncmp(line, "ERR ", 4) == 0) {
		give_up(chat,
		    strcmp(line, "ERR name-taken") == 0 ? "wrong password"
							: line + 4);
	} else if (strncmp(line, "MSG ", 4) == 0) {
		space = strchr(line + 4, ' ');
		if (space != NULL)
			printf("%.*s: %s\n", (int)(space - line - 4), line + 4,
			    space + 1);
	} else if (strncmp(line, "OK", 2) != 0) {
		puts(line);
	}
}

static void
receive(struct chat *chat)
{
	ssize_t n = recv(chat->fd, chat->in + chat->filled,
	    sizeof(chat->in) - chat->filled, 0);
	char *next = chat->in, *end;

	if (n <= 0 || chat->filled + (size_t)n == sizeof(chat->in)) {
		give_up(chat, "the server is gone");
		return;
	}
	chat->filled += (size_t)n;
	wipe(chat);
	while ((end = memchr(next, '\n',
		    chat->filled - (size_t)(next - chat->in))) != NULL) {
		*end = '\0';
		line_came(chat, next);
		next = end + 1;
	}
	chat->filled -= (size_t)(next - chat->in);
	memmove(chat->in, next, chat->filled);
	draw(chat);
}

static void
type(struct chat *chat)
{
	char keys[256];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0 && errno != EINTR)
		chat->over = true;
	for (ssize_t i = 0; i < n && !chat->over; i++)
		key(chat, keys[i]);
}

static void
run(struct chat *chat)
{
	sigset_t blocked, mask;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &mask);
	while (!chat->over && !stopped) {
		struct pollfd polled[2] = {
		    {chat->fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};

		if (chat->phase == LOGGING_IN || chat->phase == REGISTERING)
			polled[1].fd = -1;
		if (ppoll(polled, 2, NULL, &mask) < 0)
			continue;
		if (polled[0].revents != 0)
			receive(chat);
		if (polled[1].revents != 0 && !chat->over)
			type(chat);
	}
}

static int
parse_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' || port > 65535)
		return -1;
	return (int)port;
}

int
main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_stop};
	const char *host = "127.0.0.1", *port = "9090";
	struct chat chat = {.fd = -1};
	struct net_address address;
	int option;

	while ((option = getopt(argc, argv, "a:p:h")) != -1) {
		if (option == 'a')
			host = optarg;
		else if (option == 'p')
			port = optarg;
		else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind + 1 != argc || parse_port(port) < 0 ||
	    net_parse(host, parse_port(port), &address) < 0) {
		fprintf(stderr, "chat_client: wrong arguments\n%s", usage);
		return 2;
	}
	chat.name = argv[optind];
	chat.fd = net_connect(&address);
	if (chat.fd < 0)
		err(1, "connect to %s port %s", host, port);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	take_terminal();
	fprintf(stderr, "Password: ");
	run(&chat);
	restore();
	puts("");
	close(chat.fd);
	return chat.status;
}
