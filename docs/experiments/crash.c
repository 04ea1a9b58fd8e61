/*
 * crash - which thread crashed, and where: what a core dump tells
 *
 * Two threads print names, one after the other; the second was given none, and
 * strlen(3) reads address 0: the bug. The program starts itself again under
 * gdb, which says at the crash what `gdb PROGRAM core` says of a core dump.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct visitor {
	int number;
	const char *name;
};

static void
greet(const struct visitor *visitor)
{
	size_t length = strlen(visitor->name);

	printf("visitor %d has %zu letters\n", visitor->number, length);
}

static void *
visit(void *argument)
{
	greet(argument);
	return NULL;
}

/* Runs this program under gdb, and prints what it says of the crash. */
static void
run_under_gdb(const char *program)
{
	char line[512];
	FILE *gdb;

	snprintf(line, sizeof(line),
	    "gdb -q -nx -batch -ex 'set disable-randomization off' "
	    "-ex run -ex bt -ex 'frame 1' -ex 'print *visitor' "
	    "--args %s crash 2>/dev/null",
	    program);
	gdb = popen(line, "r");
	if (gdb == NULL)
		err(1, "gdb");
	while (fgets(line, sizeof(line), gdb) != NULL)
		if (strchr("vT#$", line[0]) != NULL) /* and no chatter */
			fputs(line, stdout);
	pclose(gdb);
}

int
main(int argc, char **argv)
{
	static struct visitor visitors[] = {{1, "Alice"}, {2, NULL}};
	pthread_t thread;

	if (argc < 2) {
		run_under_gdb(argv[0]);
		return 0;
	}
	for (int i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, visit, &visitors[i]);
		pthread_join(thread, NULL);
	}
	return 0;
}
