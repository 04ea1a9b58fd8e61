/*
 * chat_client - a chat's client with two threads
 *
 * The main thread reads the keyboard, the other one the socket. Both draw, so
 * the screen has a lock, and with it the line that is being typed.
 */

#define _GNU_SOURCE

#include "net.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const char usage[] = "usage: chat_client [-a ADDRESS] [-p PORT] NAME\n";

static pthread_mutex_t screen = PTHREAD_MUTEX_INITIALIZER;
static char typed[1000]; /* screen */
static size_t length;    /* screen */

static int server, wake[2];
static struct net_reader from_server;
static struct termios normal;
static const char *name;

/* A byte in the pipe ends the main thread's waiting; the byte says why. */
static void
end(char why)
{
	ssize_t n = write(wake[1], &why, 1);

	(void)n;
}

static void
on_stop(int number)
{
	(void)number;
	end('s');
}

static void
set_terminal(tcflag_t without)
{
	struct termios now = normal;

	now.c_lflag &= ~without;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
}

static void
draw_locked(void)
{
	printf("\r\033[K%.*s", (int)length, typed);
	fflush(stdout);
}

static void
show(const char *line)
{
	const char *space = strchr(line, ' ');

	if (strncmp(line, "MSG ", 4) == 0)
		space = strchr(line + 4, ' ');
	pthread_mutex_lock(&screen);
	fputs("\r\033[K", stdout);
	if (strncmp(line, "MSG ", 4) == 0 && space != NULL)
		printf(
		    "%.*s: %s\n", (int)(space - line - 4), line + 4, space + 1);
	else if (strcmp(line, "OK") != 0)
		printf("* %s\n", line);
	draw_locked();
	pthread_mutex_unlock(&screen);
}

/* A line of the server's, however long: these are longer than net's. */
static bool
next_line(char *line, size_t room)
{
	size_t n = 0;

	while (n + 1 < room) {
		struct net_reader *r = &from_server;

		if (r->next == r->end) {
			ssize_t got =
			    recv(r->fd, r->buffer, sizeof(r->buffer), 0);

			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				return false;
			r->next = 0;
			r->end = (size_t)got;
		}
		line[n] = r->buffer[r->next++];
		if (line[n] == '\n')
			break;
		n++;
	}
	line[n] = '\0';
	return true;
}

static void *
listen_to_server(void *unused)
{
	char line[2048];

	while (next_line(line, sizeof(line)))
		show(line);
	end('g');
	return unused;
}

static void
send_line(const char *word, const char *text)
{
	char line[2048];
	int n = snprintf(line, sizeof(line), "%s%s\n", word, text);

	if (net_send_all(server, line, (size_t)n) < 0)
		end('g');
}

/* Returns false for /quit. */
static bool
do_line(const char *text)
{
	if (strcmp(text, "/quit") == 0)
		return false;
	if (strcmp(text, "/who") == 0)
		send_line("WHO", "");
	else if (strcmp(text, "/history") == 0)
		send_line("HISTORY", "");
	else if (text[0] != '\0')
		send_line("SAY ", text);
	return true;
}

/* Returns false when the person is done. */
static bool
do_key(char key)
{
	char line[sizeof(typed) + 1];
	bool enter = key == '\n' || key == '\r';

	if (key == 4)
		return length > 0;
	pthread_mutex_lock(&screen);
	if (enter) {
		memcpy(line, typed, length);
		line[length] = '\0';
		length = 0;
		putchar('\n');
	} else if (key == 127 || key == 8) {
		while (length > 0 && (typed[--length] & 0xc0) == 0x80)
			;
	} else if ((unsigned char)key >= ' ' && length < sizeof(typed)) {
		typed[length++] = key;
	}
	draw_locked();
	pthread_mutex_unlock(&screen);
	return !enter || do_line(line);
}

/* Waits for keys until the person or the server ends it; says who did. */
static char
read_keys(void)
{
	struct pollfd polled[2] = {
	    {STDIN_FILENO, POLLIN, 0}, {wake[0], POLLIN, 0}};
	char keys[128], why = 'q';

	for (;;) {
		ssize_t n;

		if (poll(polled, 2, -1) < 0)
			continue;
		if (polled[1].revents != 0)
			return read(wake[0], &why, 1) == 1 ? why : 'g';
		n = read(STDIN_FILENO, keys, sizeof(keys));
		if (n <= 0)
			return why;
		for (ssize_t i = 0; i < n; i++)
			if (!do_key(keys[i]))
				return why;
	}
}

/* Asks for the password in whole lines, which the terminal does not show. */
static bool
ask_password(char *password, size_t room)
{
	struct pollfd polled[2] = {
	    {STDIN_FILENO, POLLIN, 0}, {wake[0], POLLIN, 0}};
	ssize_t n = -1;

	set_terminal(ECHO);
	fprintf(stderr, "%s's password: ", name);
	while (poll(polled, 2, -1) < 0)
		;
	if (polled[1].revents == 0)
		n = read(STDIN_FILENO, password, room - 1);
	set_terminal(0);
	fputc('\n', stderr);
	if (n <= 0)
		return false;
	password[n] = '\0';
	password[strcspn(password, "\r\n")] = '\0';
	return true;
}

/* Sends a command with name and password; whether that was well received. */
static bool
try(const char *word, const char *password, char *line, size_t room)
{
	char rest[1024];

	snprintf(rest, sizeof(rest), "%s %s", name, password);
	send_line(word, rest);
	return next_line(line, room) && strncmp(line, "OK welcome", 10) == 0;
}

static void
log_in(const char *password)
{
	char line[2048];

	if (!next_line(line, sizeof(line)))
		errx(1, "the server is gone");
	if (try("REGISTER ", password, line, sizeof(line)))
		printf("you are new here\n");
	else if (strcmp(line, "ERR name-taken") != 0 ||
	    !try("LOGIN ", password, line, sizeof(line)))
		errx(1, "%s: %s", name, line);
}

static void
read_arguments(int argc, char **argv, struct net_address *address)
{
	const char *host = "127.0.0.1", *port = "9090";
	char *rest;
	int option;

	while ((option = getopt(argc, argv, "a:p:h")) != -1) {
		if (option == 'a')
			host = optarg;
		else if (option == 'p')
			port = optarg;
		else {
			fputs(usage, option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
	}
	name = argv[optind];
	if (optind + 1 != argc || !isdigit((unsigned char)port[0]) ||
	    strtol(port, &rest, 10) > 65535 || *rest != '\0' ||
	    net_parse(host, (int)strtol(port, NULL, 10), address) < 0) {
		fprintf(stderr, "chat_client: wrong arguments\n%s", usage);
		exit(2);
	}
	server = net_connect(address);
	if (server < 0)
		err(1, "connect to %s port %s", host, port);
}

int
main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_stop};
	struct net_address address;
	char password[512], why;
	sigset_t signals;
	pthread_t listener;

	setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
	read_arguments(argc, argv, &address);
	from_server.fd = server;
	if (tcgetattr(STDIN_FILENO, &normal) < 0)
		err(1, "stdin");
	if (pipe(wake) < 0)
		err(1, "pipe");
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (!ask_password(password, sizeof(password)))
		return 1;
	log_in(password);
	explicit_bzero(password, sizeof(password));
	set_terminal(ECHO | ICANON);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	errno = pthread_create(&listener, NULL, listen_to_server, NULL);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	why = errno == 0 ? read_keys() : 'g';
	set_terminal(0);
	shutdown(server, SHUT_RDWR);
	if (errno == 0)
		pthread_join(listener, NULL);
	puts("");
	if (why == 'g')
		warnx("the server is gone");
	return why == 'g' ? 1 : 0;
}
