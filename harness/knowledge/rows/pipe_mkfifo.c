/* mkfifo: a pipe with a name */
#include "row.h"

#include <fcntl.h>
#include <sys/stat.h>

static int ends[2];

static void
before(void)
{
	char name[32] = "/tmp/row-XXXXXX";

	must(mkdtemp(name) != NULL);
	must(strcat(name, "/fifo") && mkfifo(name, 0600) == 0);
	ends[0] = open(name, O_RDWR);
	ends[1] = open(name, O_WRONLY);
	must(ends[0] >= 0 && ends[1] >= 0);
	must(unlink(name) == 0);
	*strrchr(name, '/') = '\0';
	must(rmdir(name) == 0);
}

static void
say(void)
{
	must(write(ends[1], "x", 1) == 1);
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
