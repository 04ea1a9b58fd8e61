/* sendfile, read: a file's byte, sent through a pipe */
#include "row.h"

#include <fcntl.h>
#include <sys/sendfile.h>

static int file, ends[2];

static void
before(void)
{
	file = open("/proc/self/exe", O_RDONLY);
	must(file >= 0);
	must(pipe(ends) == 0);
}

static void
say(void)
{
	must(sendfile(ends[1], file, NULL, 1) == 1);
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
	must(close(file) == 0);
}

MESSAGE_ROW(before, say, hear, after)
