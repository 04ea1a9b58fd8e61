/* putc_unlocked: a stream that two threads write to, each with its lock held */
#include "row.h"

static FILE *stream;

static void
write_a_line(void)
{
	if (!BROKEN)
		flockfile(stream);
	for (const char *letter = "a line\n"; *letter; letter++)
		putc_unlocked(*letter, stream);
	if (!BROKEN)
		funlockfile(stream);
}

int
main(void)
{
	stream = fopen("/dev/null", "w");
	must(stream != NULL);
	in_two_threads(write_a_line, write_a_line);
	must(fclose(stream) == 0);
	return 0;
}
