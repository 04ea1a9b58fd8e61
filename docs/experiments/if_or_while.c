/*
 * if_or_while - two consumers sleep, one item comes, both are woken; with
 * `if` the second one takes what is not there
 *
 *	if_or_while if|while
 */

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static pthread_cond_t asleep = PTHREAD_COND_INITIALIZER;
static int items, sleepers; /* guarded by lock */

static void *
consume_if(void *unused)
{
	pthread_mutex_lock(&lock);
	sleepers++;
	pthread_cond_signal(&asleep);
	if (items == 0) /* the bug: looks only once */
		pthread_cond_wait(&filled, &lock);
	items--;
	printf("took one, items: %d\n", items);
	pthread_mutex_unlock(&lock);
	return unused;
}

static void *
consume_while(void *unused)
{
	pthread_mutex_lock(&lock);
	sleepers++;
	pthread_cond_signal(&asleep);
	while (items == 0)
		pthread_cond_wait(&filled, &lock);
	items--;
	printf("took one, items: %d\n", items);
	pthread_mutex_unlock(&lock);
	return unused;
}

static void
produce(void)
{
	pthread_mutex_lock(&lock);
	items++;
	pthread_cond_broadcast(&filled);
	pthread_mutex_unlock(&lock);
}

int
main(int argc, char *argv[])
{
	int use_if = argc == 2 && strcmp(argv[1], "if") == 0;
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL,
			use_if ? consume_if : consume_while, NULL) != 0)
			errx(1, "no thread");
	pthread_mutex_lock(&lock);
	while (sleepers < 2) /* with the lock: both are in their wait */
		pthread_cond_wait(&asleep, &lock);
	pthread_mutex_unlock(&lock);
	produce();
	if (!use_if)
		produce(); /* one for each, or the second waits on */
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
