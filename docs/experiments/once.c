/*
 * once - four threads want the table, the first one makes it, and the others
 * wait until it is there
 */

#include <err.h>
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 4 };

static pthread_once_t made = PTHREAD_ONCE_INIT;
static int table[16]; /* written by table_make only */

static void
table_make(void)
{
	puts("making the table");
	for (int i = 0; i < 16; i++)
		table[i] = i * i;
}

static void *
use_table(void *unused)
{
	pthread_once(&made, table_make);
	printf("12 * 12 is %d\n", table[12]);
	return unused;
}

int
main(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, use_table, NULL) != 0)
			errx(1, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
