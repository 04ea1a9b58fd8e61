/*
 * Makes a directory in a directory in a directory, and locks the last ones: a
 * harness that goes down step by step runs out of stack, or into a closed door.
 */
#define _POSIX_C_SOURCE 200809L
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH = 5000, LOCKED = 2 };

int
main(void)
{
	for (int i = 0; i < DEPTH; i++)
		if (mkdir("d", 0700) || chdir("d"))
			return 2;
	for (int i = 0; i < LOCKED; i++)
		if (chdir("..") || chmod("d", 0))
			return 3;
	return 1;
}
