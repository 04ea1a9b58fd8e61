/*
 * Closes all descriptors but the first three, as daemons do when they start, in
 * the way that its argument names, says how many it finds open after that, and
 * then two threads race. "replaced FILE" puts the file under seven numbers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST = 3, MOST = 1024 };

static int counter;

static void *
count(void *unused)
{
	counter++; /* RACE */
	return unused;
}

/* By number. Returns how many of them were open. */
static int
close_each(void)
{
	int fd, closed = 0;

	for (fd = FIRST; fd < MOST; fd++)
		closed += close(fd) == 0;
	return closed;
}

/* Only those that are open. */
static int
close_open(void)
{
	int fd, closed = 0;

	for (fd = FIRST; fd < MOST; fd++)
		if (fcntl(fd, F_GETFD) != -1 && close(fd) == 0)
			closed++;
	return closed;
}

/* Those that the kernel lists, and none of them may fail. */
static int
close_listed(void)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	int closed = 0;

	if (directory == NULL)
		exit(2);
	while ((entry = readdir(directory)) != NULL) {
		int fd = atoi(entry->d_name);

		if (fd < FIRST || fd == dirfd(directory))
			continue;
		if (close(fd) != 0)
			exit(3);
		closed++;
	}
	closedir(directory);
	return closed;
}

/* Whatever is there, a file takes its place. Returns how many there are. */
static int
replace_all(const char *path)
{
	int fd, file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	for (fd = FIRST; fd < 10; fd++)
		if (fd != file && dup2(file, fd) != fd)
			exit(4);
	return 10 - FIRST;
}

/* Returns how many numbers below MOST are open for us. */
static int
count_open(void)
{
	int fd, open = 0;

	for (fd = FIRST; fd < MOST; fd++)
		if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
			open++;
	return open;
}

int
main(int argc, char *argv[])
{
	const char *how = argc > 1 ? argv[1] : "";
	pthread_t thread;

	if (strcmp(how, "closefrom") == 0)
		closefrom(FIRST);
	else if (strcmp(how, "close_range") == 0 && close_range(3, ~0U, 0) != 0)
		return 5;
	else if (strcmp(how, "syscall") == 0 &&
	    syscall(SYS_close_range, 3, ~0U, 0) != 0)
		return 6;
	else if (strcmp(how, "each") == 0)
		close_each();
	else if (strcmp(how, "open") == 0)
		close_open();
	else if (strcmp(how, "listed") == 0)
		close_listed();
	else if (strcmp(how, "replaced") == 0 && argc > 2)
		replace_all(argv[2]);
	printf("%d open\n", count_open());
	if (dup(FIRST) >= 0 && strcmp(how, "replaced") != 0)
		return 7;
	if (pthread_create(&thread, NULL, count, NULL) != 0)
		return 8;
	counter++;
	pthread_join(thread, NULL);
	return counter == 0;
}
