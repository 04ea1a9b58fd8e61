/* fwrite, fgetc: more bytes through a pipe than the stream's buffer holds */
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
	char bytes[BUFSIZ + 1] = {0};

	must(fwrite(bytes, 1, sizeof bytes, to) == sizeof bytes);
}

static void
hear(void)
{
	must(fgetc(from) == 0);
}

static void
after(void)
{
	must(fclose(to) == 0);
	must(fclose(from) == 0);
}

MESSAGE_ROW(before, say, hear, after)
