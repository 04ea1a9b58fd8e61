/* shutdown, recv: the end of the stream of a pair of AF_UNIX */
#include "row.h"

#include <sys/socket.h>

static int ends[2];

static void
before(void)
{
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
}

static void
say(void)
{
	must(shutdown(ends[1], SHUT_WR) == 0);
}

static void
hear(void)
{
	char byte;

	must(recv(ends[0], &byte, 1, 0) == 0);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
