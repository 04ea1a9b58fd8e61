/*
 * Runs rows one after another in one process: each is a file of rows/ whose
 * main has got a name of its own, row_of_NAME. What a tool reports names the row's file.
 *
 *	group TWIN ROW...
 *
 * TWIN is what BROKEN is to be. On stdout: each row's name as it begins, and
 * `end` where all have come to their end.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ROWS lists them: X(name) for each. Some names are those of calls, too. */
#define X(name) int row_of_##name(void);
ROWS
#undef X

    static const struct row {
	const char *name;
	int (*run)(void);
} rows[] = {
#define X(name) {#name, row_of_##name},
    ROWS
#undef X
};

extern int row_broken;
int row_broken;

/* One write for a line: nothing of stdio, whose locks are what rows are about. */
static void
say(const char *line)
{
	char text[128];
	size_t length = strlen(line);

	if (length > sizeof text - 1)
		abort();
	memcpy(text, line, length);
	text[length] = '\n';
	if (write(1, text, length + 1) < 0)
		abort();
}

/* No row finds what the one before it has set up for signals. */
static void
reset_signals(const sigset_t *mask)
{
	signal(SIGUSR1, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	pthread_sigmask(SIG_SETMASK, mask, NULL);
}

static void
run(const char *name)
{
	sigset_t mask;
	size_t i;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		say(name);
		errno = 0;
		if (rows[i].run() != 0)
			_exit(4);
		reset_signals(&mask);
		return;
	}
	_exit(5);
}

int
main(int argc, char **argv)
{
	int i;

	if (argc < 2)
		return 2;
	row_broken = atoi(argv[1]);
	for (i = 2; i < argc; i++)
		run(argv[i]);
	say("end");
	return 0;
}
