/*
 * Uses of descriptors after their end. The argument says which:
 * close-twice, use-closed, fclose-and-close, and `reuse`, which is correct.
 */
#include "tcp_pair.h"

#include <stdio.h>
#include <string.h>

static void
close_twice(void)
{
	int ends[2];

	tcp_pair(ends);
	close(ends[0]);
	close(ends[0]);
}

static void
use_closed(void)
{
	int ends[2];
	char byte;

	tcp_pair(ends);
	close(ends[0]);
	recv(ends[0], &byte, 1, 0);
	shutdown(ends[0], SHUT_RDWR);
}

/* The stream closes the descriptor, where nobody sees it. */
static void
fclose_and_close(void)
{
	int ends[2];
	FILE *stream;

	tcp_pair(ends);
	stream = fdopen(ends[0], "r");
	if (stream)
		fclose(stream);
	close(ends[0]);
}

/* One number for ten connections, then for a pipe; bad calls on others. */
static void
reuse(void)
{
	int ends[2], pipes[2], i;
	char byte = 'x';

	for (i = 0; i < 10; i++) {
		tcp_pair(ends);
		if (write(ends[1], &byte, 1) != 1)
			abort();
		if (read(ends[0], &byte, 1) != 1)
			abort();
		close(ends[0]);
		close(ends[1]);
	}
	if (pipe(pipes) || write(pipes[1], &byte, 1) != 1 ||
	    read(pipes[0], &byte, 1) != 1)
		abort();
	close(-1);
	close(900);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "close-twice") == 0)
		close_twice();
	else if (strcmp(what, "use-closed") == 0)
		use_closed();
	else if (strcmp(what, "fclose-and-close") == 0)
		fclose_and_close();
	else if (strcmp(what, "reuse") == 0)
		reuse();
	else
		return 2;
	return 0;
}
