/* pthread_timedjoin_np, ETIMEDOUT: a thread that has not ended in time */
#include "row.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int news, heard;

static void *
child(void *unused)
{
	must(pthread_mutex_lock(&lock) == 0);
	must(pthread_mutex_unlock(&lock) == 0);
	news = 1;
	return unused;
}

int
main(void)
{
	struct timespec soon;
	pthread_t thread;

	must(pthread_mutex_lock(&lock) == 0);
	thread = row_start(child);
	soon = IN_A_MOMENT(CLOCK_REALTIME);
	must(pthread_timedjoin_np(thread, NULL, &soon) == ETIMEDOUT);
	must(pthread_tryjoin_np(thread, NULL) == EBUSY);
	must(pthread_mutex_unlock(&lock) == 0);
	if (BROKEN)
		heard = news;
	must(pthread_join(thread, NULL) == 0);
	if (!BROKEN)
		heard = news;
	must_have_heard(heard);
	return 0;
}
