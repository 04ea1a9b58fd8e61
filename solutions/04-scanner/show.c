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
 * Takes the bar off the terminal: to the line's begin, and erase to its end.
 * A signal handler may call this: it is but one write(2).
 */
static void
erase_bar(void)
{
	static const char erase[] = "\r\033[K";

	if (bar_stands && write(STDERR_FILENO, erase, sizeof(erase) - 1) >= 0)
		bar_stands = false;
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
 * return doesn't lead back to its begin.
 */
static void
draw_bar(int tried, int ports)
{
	static const char full[] =
	    "##################################################";
	int columns = count_columns();
	/* A terminal shows ^C behind the bar, and that must not wrap either. */
	int cells = columns - 1 - (int)strlen("[] 100%^C");
	int percent = tried * 100 / ports;
	int filled;

	if (cells > BAR_CELLS)
		cells = BAR_CELLS;
	filled = tried * cells / ports;
	bar_stands = true;
	if (cells > 0)
		fprintf(stderr, "\r[%.*s%*s] %3d%%\033[K", filled, full,
		    cells - filled, "", percent);
	else if (columns > (int)strlen("100%^C"))
		fprintf(stderr, "\r%3d%%\033[K", percent);
}

/* Draws the bar if it is due, or the full one: see show.h. */
void
show_progress(int tried, int ports)
{
	static long next_ms; /* there is no bar before that */
	struct timespec now;
	long now_ms;

	if (!isatty(STDERR_FILENO))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = now.tv_sec * 1000L + now.tv_nsec / 1000000L;
	if (tried < ports && now_ms < next_ms)
		return;
	next_ms = now_ms + BAR_MS;
	draw_bar(tried, ports);
	if (tried == ports) {
		bar_stands = false;
		fputc('\n', stderr);
	}
}
