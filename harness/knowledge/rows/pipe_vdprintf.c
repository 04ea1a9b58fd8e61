/* vdprintf, read: words through a pipe */
#include "row.h"

#include <stdarg.h>

static int ends[2];

static void
before(void)
{
	must(pipe(ends) == 0);
}

static void
print(const char *format, ...)
{
	va_list words;

	va_start(words, format);
	must(vdprintf(ends[1], format, words) == 1);
	va_end(words);
}

static void
say(void)
{
	print("%d", 1);
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
