/*
 * in_order - results come in any order and are printed in order: what is
 * printed is what has no gap before it
 */

#include <err.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

enum { PORTS = 5 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool known[PORTS + 1]; /* guarded by lock, from 1 */
static int printed;           /* guarded by lock: up to this port */

static const int arrival[PORTS] = {3, 1, 2, 5, 4};

/* Reports each port, and lets main print before the next. */
static void *
report(void *unused)
{
	for (int i = 0; i < PORTS; i++) {
		pthread_mutex_lock(&lock);
		known[arrival[i]] = true;
		printf("%d is known\n", arrival[i]);
		pthread_cond_broadcast(&changed);
		while (printed < PORTS && known[printed + 1])
			pthread_cond_wait(&changed, &lock);
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

int
main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, report, NULL) != 0)
		errx(1, "no thread");
	pthread_mutex_lock(&lock);
	while (printed < PORTS) {
		while (!known[printed + 1])
			pthread_cond_wait(&changed, &lock);
		printed++;
		printf("\tPort %d\n", printed);
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
	return 0;
}
