/*
 * A thread for each rocket. Where threads run out, those that were started
 * are to land; but the program crashes or hangs then.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
fly(void *unused)
{
	return unused;
}

int
main(int argc, char *argv[])
{
	int count = argc > 1 ? atoi(argv[1]) : 10;
	pthread_t *threads = malloc((size_t)count * sizeof(*threads));
	int started = 0;

	if (threads == NULL)
		return 1;
	while (started < count) {
		int error = pthread_create(&threads[started], NULL, fly, NULL);

		if (error != 0) {
			fprintf(stderr, "%s\n", strerror(error));
			break;
		}
		started++;
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return started < count;
}
