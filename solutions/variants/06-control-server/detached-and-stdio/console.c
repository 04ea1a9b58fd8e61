#define _POSIX_C_SOURCE 200809L

#include "console.h"

#include "accounts.h"
#include "clients.h"
#include "command.h"
#include "listener.h"
#include "log.h"

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_SIZE = 128, /* room for a line that is typed, and its '\0' */
};

/* -- the commands ---------------------------------------------------------- */

/*
 * Each is called with the line that was typed, by main alone. An answer of
 * several lines is one printf(3), or holds stdout's lock: no other thread's
 * message comes between.
 */

static void
status(const char *line)
{
	char name[NET_NAME_SIZE];
	/* Each lock is taken and released before stdout's is. */
	size_t connected = clients_count();
	size_t users = accounts_count();
	size_t lines = log_lines();

	(void)line;
	listener_format_address(name);
	printf("%s%s\nclients %zu\nusers %zu\nlog %zu lines\n",
	    listener_runs() ? "listening on " : "paused",
	    listener_runs() ? name : "", connected, users, lines);
}

static void
pause_listener(const char *line)
{
	bool runs = listener_runs();

	(void)line;
	/*
	 * It waits for a thread, which may be about to print: so main must
	 * not hold stdout's lock here.
	 */
	listener_stop();
	puts(runs ? "paused" : "already paused");
}

static void
resume_listener(const char *line)
{
	const char *already = listener_runs() ? "already " : "";
	char name[NET_NAME_SIZE];

	(void)line;
	listener_format_address(name);
	if (!listener_runs() && listener_start() < 0)
		warn("listen on %s", name);
	else
		printf("%slistening on %s\n", already, name);
}

static void
logs(const char *line)
{
	const char *number = strchr(line, ' ');

	log_show(number != NULL ? (size_t)command_number(number + 1, LONG_MAX)
				: SIZE_MAX);
}

static void
clear_logs(const char *line)
{
	if (log_clear() < 0) {
		warn("clear the log");
		return;
	}
	log_write("%s", line); /* again: why the log begins here */
	puts("logs cleared");
}

static void
clear_users(const char *line)
{
	(void)line;
	if (accounts_clear() < 0)
		warn("clear the identification file");
	else
		puts("users cleared");
}

static void help(const char *);

static const struct control {
	const char *words;
	const char *number; /* the number that may follow, or "" */
	const char *purpose;
	void (*run)(const char *line);
} controls[] = {
    {"help", "", "shows these lines", help},
    {"status", "", "shows what the server does", status},
    {"pause", "", "refuses new clients", pause_listener},
    {"resume", "", "accepts new clients again", resume_listener},
    {"logs", " [N]", "shows the log, or its last N lines", logs},
    {"clear logs", "", "empties the log", clear_logs},
    {"clear users", "", "forgets all users, also who is logged in",
	clear_users},
    {"shutdown", "", "stops the server", NULL},
};

enum { CONTROLS = sizeof(controls) / sizeof(controls[0]) };

static void
help(const char *line)
{
	(void)line;
	flockfile(stdout);
	for (size_t i = 0; i < CONTROLS; i++)
		printf("%s%s: %s\n", controls[i].words, controls[i].number,
		    controls[i].purpose);
	funlockfile(stdout);
}

/* The command that line is, or NULL. */
static const struct control *
find_control(const char *line)
{
	for (const struct control *c = controls; c < controls + CONTROLS; c++) {
		size_t length = strlen(c->words);

		if (strncmp(line, c->words, length) != 0)
			continue;
		if (line[length] == '\0' ||
		    (c->number[0] != '\0' && line[length] == ' ' &&
			command_number(line + length + 1, LONG_MAX) >= 0))
			return c;
	}
	return NULL;
}

/* -- reading them ---------------------------------------------------------- */

bool
console_is_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/*
 * Waits for a byte of stdin. Returns false at its end, or when stop can be
 * read. A person types slowly, so a byte at a time is good enough.
 */
static bool
read_byte(char *byte, int stop)
{
	struct pollfd polled[] = {
	    {.fd = stop, .events = POLLIN},
	    {.fd = STDIN_FILENO, .events = POLLIN},
	};

	for (;;) {
		ssize_t n;

		if (poll(polled, 2, -1) < 0)
			continue; /* EINTR */
		if (polled[0].revents != 0)
			return false;
		n = read(STDIN_FILENO, byte, 1);
		if (n > 0)
			return true;
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return false;
	}
}

/*
 * Waits for a line of stdin, and writes it to line without its end and without
 * spaces around it. Of a line that is too long only the beginning is taken,
 * which is no command. Returns false when there are no more.
 */
static bool
read_line(char line[LINE_SIZE], int stop)
{
	size_t length = 0;
	char byte;

	while (read_byte(&byte, stop)) {
		if (byte == '\n') {
			while (length > 0 && strchr(" \r", line[length - 1]))
				length--;
			line[length] = '\0';
			return true;
		}
		if (length < LINE_SIZE - 1 && (length > 0 || byte != ' '))
			line[length++] = byte;
	}
	return false;
}

void
console_run(int stop)
{
	bool prompt = console_is_terminal();
	char line[LINE_SIZE];

	for (;;) {
		const struct control *control;

		if (prompt)
			printf("> ");
		fflush(stdout);
		if (!read_line(line, stop)) {
			if (prompt)
				printf("\n");
			return;
		}
		control = find_control(line);
		if (control != NULL)
			log_write("%s", line);
		else if (line[0] != '\0')
			fprintf(
			    stderr, "unknown command: %s, try help\n", line);
		if (control != NULL && control->run == NULL)
			return;
		if (control != NULL)
			control->run(line);
	}
}
