/*
 * torn_line - a line printed with two calls is torn when another thread
 * prints between them; here that thread is made to
 */

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

static sem_t first_half, between; /* the first one has begun; go on */

static void *
print_in_two(void *unused)
{
	printf("rocket 1: ");
	sem_post(&first_half);
	sem_wait(&between);
	printf("launched\n");
	return unused;
}

static void *
print_in_one(void *unused)
{
	sem_wait(&first_half);
	printf("rocket 2: launched\n");
	sem_post(&between);
	return unused;
}

int
main(void)
{
	pthread_t one, two;

	sem_init(&first_half, 0, 0);
	sem_init(&between, 0, 0);
	if (pthread_create(&one, NULL, print_in_two, NULL) != 0 ||
	    pthread_create(&two, NULL, print_in_one, NULL) != 0)
		errx(1, "no thread");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	return 0;
}
