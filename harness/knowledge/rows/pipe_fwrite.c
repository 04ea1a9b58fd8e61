/* fwrite, fflush, fread: bytes through a pipe by stdio */
#include "row.h"

static FILE *to, *from; /* the ends of a pipe */

static void
before(void)
{
	int ends[2];

	must(pipe(ends) == 0);
	from = fdopen(ends[0], "r");
	to = fdopen(ends[1], "w");
	must(from != NULL && to != NULL);
}

static void
say(void)
{
	must(fwrite("line", 1, 4, to) == 4);
	must(fflush(to) == 0);
}

static void
hear(void)
{
	char bytes[4];

	must(fread(bytes, 1, 4, from) == 4);
}

static void
after(void)
{
	must(fclose(to) == 0);
	must(fclose(from) == 0);
}

MESSAGE_ROW(before, say, hear, after)
