#define _POSIX_C_SOURCE 200809L

#include "show.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

const char usage_text[] =
    "usage: scanner [-p FIRST[-LAST]] [-t THREADS] [-w TIMEOUT_MS] [HOST]\n";

static int bar_length; /* characters that stand on the terminal's last line */

static void
put(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t count;

	while (left > 0 && (count = write(fd, text, left)) > 0) {
		text += count;
		left -= (size_t)count;
	}
}

void
show_nothing_more(void)
{
	char blanks[128];

	if (bar_length > 0) {
		snprintf(blanks, sizeof(blanks), "\r%*s\r", bar_length, "");
		put(STDERR_FILENO, blanks);
	}
	bar_length = 0;
}

void
show_open(int port)
{
	char line[64];

	show_nothing_more();
	snprintf(line, sizeof(line), "Port %d is open\n", port);
	put(STDOUT_FILENO, line);
}

static int
is_due(int percent)
{
	static int before = -1;
	static struct timespec last;
	struct timespec now;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (now.tv_sec - last.tv_sec) * 1000 +
	    (now.tv_nsec - last.tv_nsec) / 1000000;
	if (percent == before || (percent < 100 && ms < 100))
		return 0;
	last = now;
	before = percent;
	return 1;
}

void
show_bar(int percent)
{
	static const char cells[] = "==============================";
	char bar[160];
	struct winsize window = {.ws_col = 80};
	int wide;

	if (!isatty(STDERR_FILENO) || !is_due(percent))
		return;
	ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
	wide = window.ws_col > 50 ? 30 : 5;
	show_nothing_more();
	snprintf(bar, sizeof(bar), "\r\033[32m%.*s>\033[0m %d %%",
	    wide * percent / 100, cells, percent);
	bar_length = wide + 7;
	put(STDERR_FILENO, bar);
}
