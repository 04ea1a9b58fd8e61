/* fputs, fflush, getline: a line through a pipe by stdio */
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
	must(fputs("line\n", to) >= 0);
	must(fflush(to) == 0);
}

static void
hear(void)
{
	char *line = NULL;
	size_t size = 0;

	must(getline(&line, &size, from) == 5);
	free(line);
}

static void
after(void)
{
	must(fclose(to) == 0);
	must(fclose(from) == 0);
}

MESSAGE_ROW(before, say, hear, after)
