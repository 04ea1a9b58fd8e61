/*
 * library_seen - two threads call a function of the C library that is not
 * thread-safe, and nothing orders them: the bug
 *
 *	library_seen gmtime|strtok
 *
 * ThreadSanitizer knows where the result of gmtime(3) lies, and reports the
 * race. What strtok(3) remembers it does not know, and is silent.
 */

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void *
call_gmtime(void *unused)
{
	const time_t epoch = 0;

	gmtime(&epoch);
	return unused;
}

static void *
call_strtok(void *unused)
{
	char line[] = "two words";

	strtok(line, " ");
	return unused;
}

int
main(int argc, char *argv[])
{
	int use_gmtime = argc == 2 && strcmp(argv[1], "gmtime") == 0;
	void *(*call)(void *) = use_gmtime ? call_gmtime : call_strtok;
	pthread_t one, two;

	if (pthread_create(&one, NULL, call, NULL) != 0 ||
	    pthread_create(&two, NULL, call, NULL) != 0)
		errx(1, "no thread");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	printf(
	    "%s was called by two threads\n", use_gmtime ? "gmtime" : "strtok");
	return 0;
}
