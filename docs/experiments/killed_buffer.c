/*
 * A process says that it has written a line, and is killed. What it gave to
 * write(2) the kernel has; what it gave to fprintf(3) was still its own.
 */

#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
by_fprintf(int fd)
{
	FILE *file = fdopen(fd, "a");

	fprintf(file, "hello\n");
}

static void
by_write(int fd)
{
	if (write(fd, "hello\n", 6) != 6)
		_exit(1);
}

/* How many bytes the file has after the one who wrote was killed. */
static int
size_after_kill(void (*put)(int fd))
{
	FILE *file = tmpfile();
	struct stat status;

	if (fork() == 0) {
		put(fileno(file));
		raise(SIGKILL);
	}
	wait(NULL);
	fstat(fileno(file), &status);
	fclose(file);
	return (int)status.st_size;
}

int
main(void)
{
	printf("fprintf, then killed: %d bytes\n", size_after_kill(by_fprintf));
	fflush(stdout); /* or the next child would have this line too */
	printf("write, then killed: %d bytes\n", size_after_kill(by_write));
}
