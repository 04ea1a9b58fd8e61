#define _POSIX_C_SOURCE 200809L

#include "show.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	BAR_MS = 60,    /* from one bar to the next, at least */
	BAR_CELLS = 50, /* length of the bar, at most */
	COLUMNS = 80,   /* of a terminal that doesn't know its width */
};

static bool russian; /* the user's language; set by show_start */

/* The cursor is behind a bar. Set by main, read by the signal handler too. */
static volatile sig_atomic_t bar_stands;

/*
 * Takes the bar off the terminal: to the line's beginning, and erase to its
 * end. A signal handler may call this: it is but one write(2).
 */
static void
erase_bar(void)
{
	/* TODO 5: write(2) a carriage return and the sequence ESC [ K. */
	(void)bar_stands;
}

/* Handles a signal that ends the program, which it does on return. */
static void
on_end(int signal_number)
{
	erase_bar();
	raise(signal_number); /* SA_RESETHAND: without a handler this time */
}

/* Whether the user wants to read Russian, by the rules of locale(7). */
static bool
is_russian(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return strncmp(value, "ru", 2) == 0;
	}
	return false;
}

void
show_start(void)
{
	struct sigaction action = {
	    .sa_handler = on_end, .sa_flags = SA_RESETHAND};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGPIPE, &action, NULL); /* as in `scanner | head -n 1` */

	russian = is_russian();
	/* Into a pipe, too, each line is to go out when it is printed. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

void
show_port(int port)
{
	if (isatty(STDOUT_FILENO))
		erase_bar();
	printf(russian ? "Порт %d открыт\n" : "Port %d is open\n", port);
}

void
show_shortage(int error)
{
	static bool said_so;

	if (!said_so) {
		erase_bar();
		errno = error; /* where warn(3) looks for the reason */
		warn("some ports have to wait");
	}
	said_so = true;
}

/* How many columns the terminal has now; its window may change its size. */
static int
count_columns(void)
{
	struct winsize window;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) < 0 || window.ws_col == 0)
		return COLUMNS;
	return window.ws_col;
}

/*
 * Draws a bar that shows tried of so many ports over the line on which the
 * cursor is, and shorter than this line: where a bar has wrapped, a carriage
 * return doesn't lead back to its beginning.
 */
static void
draw_bar(int tried, int ports)
{
	/*
	 * TODO 5: a carriage return, a bar such as [####      ]  40%, and ESC
	 * [ K, to stderr in one call. In a narrow window the percentage alone.
	 * Set bar_stands, so that the bar is erased before a line is printed.
	 */
	(void)tried;
	(void)ports;
	(void)count_columns;
}

/* Draws the bar if it is due, or the full one: see show.h. */
void
show_progress(int tried, int ports)
{
	/*
	 * TODO 5: draw_bar, if stderr is a terminal (isatty(3)) and the last
	 * bar was drawn BAR_MS ago. The full bar is always drawn, and ends its
	 * line.
	 */
	(void)tried;
	(void)ports;
	(void)draw_bar;
}
