/* pthread_atfork, fork: handlers that take a lock across a fork */
#include "row.h"

#include <sys/types.h>
#include <sys/wait.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int count;

static void
take(void)
{
	must(pthread_mutex_lock(&lock) == 0);
}

static void
give(void)
{
	must(pthread_mutex_unlock(&lock) == 0);
}

static void
counting(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		take();
		count++;
		give();
	}
}

static void
count_once(void)
{
	if (!BROKEN)
		take();
	count++;
	if (!BROKEN)
		give();
}

/* Both before and after: the handlers' lock orders whatever lies between. */
static void
forking(void)
{
	int status;
	pid_t child;

	count_once();
	child = fork();
	must(child >= 0);
	if (child == 0) {
		count++; /* its own copy */
		_exit(0);
	}
	must(waitpid(child, &status, 0) == child && status == 0);
	count_once();
}

int
main(void)
{
	must(pthread_atfork(take, give, give) == 0);
	in_two_threads(counting, forking);
	return 0;
}
