/*
 * strtok_shared - two threads, two lines, one strtok: a word changes sides
 *
 * strtok keeps its place in one variable for the whole process. The threads
 * take turns here, so nothing is even done at the same time.
 */

#include <err.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

struct reader {
	const char *name;
	char line[32];
	sem_t turn;
	struct reader *other;
};

static void *
read_words(void *self)
{
	struct reader *reader = self;
	char *next = reader->line;

	for (int i = 0; i < 2; i++) {
		sem_wait(&reader->turn);
		printf("%s got %s\n", reader->name, strtok(next, " "));
		next = NULL; /* go on where you were */
		sem_post(&reader->other->turn);
	}
	return NULL;
}

int
main(void)
{
	struct reader ann = {.name = "ann", .line = "red green"};
	struct reader bob = {.name = "bob", .line = "one two three"};
	pthread_t one, two;

	ann.other = &bob;
	bob.other = &ann;
	sem_init(&ann.turn, 0, 1);
	sem_init(&bob.turn, 0, 0);
	if (pthread_create(&one, NULL, read_words, &ann) != 0 ||
	    pthread_create(&two, NULL, read_words, &bob) != 0)
		errx(1, "no thread");
	pthread_join(one, NULL);
	pthread_join(two, NULL);
	return 0;
}
