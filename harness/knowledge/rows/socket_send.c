/* send, recv: a byte through a pair of AF_UNIX */
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
	must(send(ends[1], "x", 1, 0) == 1);
}

static void
hear(void)
{
	char byte;

	must(recv(ends[0], &byte, 1, 0) == 1);
}

static void
after(void)
{
	must(close(ends[0]) == 0);
	must(close(ends[1]) == 0);
}

MESSAGE_ROW(before, say, hear, after)
