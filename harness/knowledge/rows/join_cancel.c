/*
 * pthread_cancel, pthread_cleanup_push, pthread_join: a thread that is
 * canceled as it waits
 */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int news, heard;

static void
unlock(void *unused)
{
	(void)unused;
	must(pthread_mutex_unlock(&lock) == 0);
}

static void *
child(void *unused)
{
	must(pthread_mutex_lock(&lock) == 0);
	pthread_cleanup_push(unlock, NULL);
	news = 1;
	for (;;)
		must(pthread_cond_wait(&never, &lock) == 0);
	pthread_cleanup_pop(1);
	return unused;
}

int
main(void)
{
	pthread_t thread = row_start(child);
	void *result;

	must(pthread_cancel(thread) == 0);
	if (BROKEN)
		heard = news;
	must(pthread_join(thread, &result) == 0);
	if (!BROKEN)
		heard = news;
	must(result == PTHREAD_CANCELED);
	must_have_heard(heard);
	must(pthread_mutex_lock(&lock) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
	return 0;
}
