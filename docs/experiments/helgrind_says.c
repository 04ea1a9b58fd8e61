/*
 * helgrind_says - two bugs, and how valgrind's tool Helgrind reports them
 *
 * One thread counts with the lock, the other looks without it: a data race.
 * And the other ends while it holds a second lock. The program starts itself
 * again under Helgrind, as you would in a terminal, and leaves out the frames
 * of the libraries. Which thread comes first, a pipe says; it stands for luck
 * here, for Helgrind knows nothing of it.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t other = PTHREAD_MUTEX_INITIALIZER;
static int counter; /* guarded by lock, if all kept to it */
static int turn[2]; /* a pipe */

static void *
count(void *unused)
{
	pthread_mutex_lock(&lock);
	counter++;
	pthread_mutex_unlock(&lock);
	if (write(turn[1], "x", 1) != 1)
		err(1, "write");
	return unused;
}

static void *
look_rudely(void *seen)
{
	char byte;

	if (read(turn[0], &byte, 1) != 1)
		err(1, "read");
	*(int *)seen = counter; /* the first bug: without the lock */
	pthread_mutex_lock(&other);
	return NULL; /* the second: nobody unlocks it */
}

static void
run_under_helgrind(const char *program)
{
	char line[512];
	FILE *valgrind;

	snprintf(line, sizeof(line), "valgrind -q --tool=helgrind %s go 2>&1",
	    program);
	valgrind = popen(line, "r");
	if (valgrind == NULL)
		err(1, "valgrind");
	while (fgets(line, sizeof(line), valgrind) != NULL) {
		int frame = strstr(line, "  at 0x") != NULL ||
		    strstr(line, "  by 0x") != NULL;

		if (!frame || strstr(line, "helgrind_says.c") != NULL)
			fputs(line, stdout);
	}
	pclose(valgrind);
}

int
main(int argc, char *argv[])
{
	pthread_t one, two;
	int seen;

	if (argc < 2) {
		run_under_helgrind(argv[0]);
		return 0;
	}
	if (pipe(turn) != 0 || pthread_create(&one, NULL, count, NULL) != 0 ||
	    pthread_create(&two, NULL, look_rudely, &seen) != 0)
		errx(1, "no thread");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	printf("counter %d\n", seen);
	return 0;
}
