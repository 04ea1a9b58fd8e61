/* raise, write in a handler: the self-pipe */
#include "row.h"

#include <signal.h>

static int ends[2];

static void
handler(int number)
{
	int saved = errno;

	(void)number;
	must(write(ends[1], "x", 1) == 1);
	errno = saved;
}

static void
before(void)
{
	struct sigaction action = {
	    .sa_handler = handler, .sa_flags = SA_RESTART};

	must(pipe(ends) == 0);
	must(sigaction(SIGUSR1, &action, NULL) == 0);
}

static void
say(void)
{
	must(raise(SIGUSR1) == 0);
}

static void
hear(void)
{
	char byte;

	must(read(ends[0], &byte, 1) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
