/*
 * The main thread ends before others, in the way that its argument names. Each
 * is correct: the process ends with status 0 when its last thread has ended.
 * Only "unordered" has a race: with what main writes just before its end.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

static pthread_t main_thread;
static sem_t started;
static int written_by_main;

static void *
nothing(void *unused)
{
	return unused;
}

static void *
late(void *unused)
{
	sem_wait(&started);
	puts("the last");
	return unused;
}

static void *
join_main(void *unused)
{
	if (pthread_join(main_thread, NULL) == 0)
		printf("main wrote %d\n", written_by_main);
	return unused;
}

static void *
look(void *unused)
{
	sem_wait(&started);
	printf("main wrote %d\n", written_by_main); /* RACE */
	return unused;
}

/* Starts a thread that nobody will join. Returns 0, or an error. */
static int
start_detached(void *(*routine)(void *))
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, routine, NULL);

	return err ? err : pthread_detach(thread);
}

int
main(int argc, char *argv[])
{
	const char *how = argc > 1 ? argv[1] : "";
	pthread_t thread;

	main_thread = pthread_self();
	if (sem_init(&started, 0, 0) != 0)
		return 2;
	if (strcmp(how, "before") == 0 && start_detached(late) != 0)
		return 3;
	if (strcmp(how, "detached") == 0 &&
	    (pthread_detach(main_thread) != 0 || start_detached(late) != 0))
		return 4;
	if (strcmp(how, "joined") == 0 && start_detached(join_main) != 0)
		return 5;
	if (strcmp(how, "unordered") == 0 && start_detached(look) != 0)
		return 6;
	if (strcmp(how, "after") == 0 &&
	    (pthread_create(&thread, NULL, nothing, NULL) != 0 ||
		pthread_join(thread, NULL) != 0))
		return 7;
	sem_post(&started);
	written_by_main = 1;
	pthread_exit(NULL);
}
