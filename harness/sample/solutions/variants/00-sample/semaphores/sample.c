/*
 * sample - runners, each a thread, who pass a baton on
 *
 *	sample [-n RUNNERS]
 *
 * As the reference, but without a lock: each runner sleeps at a semaphore of
 * its own, and the one before it posts there.
 */

#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MOST_RUNNERS = 100,
};

static const char usage[] = "usage: sample [-n RUNNERS]\n";

/* A runner; set before its thread starts, only read after that. */
struct runner {
	int number;          /* from 1 */
	sem_t turn;          /* posted when it has the baton */
	struct runner *next; /* who gets the baton from it, or NULL */
	pthread_t thread;    /* for main, which joins it */
};

/* The life of a runner's thread; argument is its struct runner. */
static void *
runner_main(void *argument)
{
	struct runner *runner = argument;

	while (sem_wait(&runner->turn) < 0)
		continue;
	printf("runner %d\n", runner->number);
	if (runner->next != NULL)
		sem_post(&runner->next->turn);
	return NULL;
}

/*
 * Starts a thread for each of count runners, whose numbers begin with 1.
 * Returns how many there are: fewer than count after an error, which it
 * reports.
 */
static int
runners_start(struct runner *runners, int count)
{
	for (int i = 0; i < count; i++) {
		runners[i].number = i + 1;
		runners[i].next = i + 1 < count ? &runners[i + 1] : NULL;
		sem_init(&runners[i].turn, 0, i == 0);
	}
	for (int i = 0; i < count; i++) {
		struct runner *one = &runners[i];
		int error =
		    pthread_create(&one->thread, NULL, runner_main, one);
		if (error != 0) {
			warnx("start a runner: %s", strerror(error));
			return i;
		}
	}
	return count;
}

/* The number of runners that text gives, or -1 if it gives none. */
static int
parse_count(const char *text)
{
	char *end;
	long count = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0')
		return -1;
	return count >= 1 && count <= MOST_RUNNERS ? (int)count : -1;
}

/* Reads the command line; returns the number of runners. */
static int
parse_arguments(int argc, char *argv[])
{
	int count = 3;
	int option;

	while ((option = getopt(argc, argv, "n:h")) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			exit(0);
		}
		count = option == 'n' ? parse_count(optarg) : -1;
		if (count < 0)
			break;
	}
	if (count < 0 || optind < argc) {
		fputs(usage, stderr);
		exit(2);
	}
	return count;
}

int
main(int argc, char *argv[])
{
	static struct runner runners[MOST_RUNNERS];
	int count = parse_arguments(argc, argv);
	int started = runners_start(runners, count);

	for (int i = 0; i < started; i++)
		pthread_join(runners[i].thread, NULL);
	if (started < count)
		return 1;
	printf("finished\n");
	return 0;
}
