/* Errors for AddressSanitizer and its kin; the argument says which. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
free_it(void *block)
{
	free(block);
	return NULL;
}

static int
use_after_free(void)
{
	char *block = calloc(1, 16);
	pthread_t thread;

	pthread_create(&thread, NULL, free_it, block);
	pthread_join(thread, NULL);
	return block[3]; /* ERROR: use-after-free */
}

static int
overflow(int one)
{
	return INT_MAX + one; /* ERROR: overflow */
}

static int
leak(void)
{
	char *volatile block = malloc(16); /* ERROR: leak */

	block[0] = 0;
	block = NULL;
	return block != NULL;
}

static int
clean(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, free_it, malloc(16));
	pthread_join(thread, NULL);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "clean";

	if (strcmp(what, "use-after-free") == 0)
		return use_after_free();
	if (strcmp(what, "overflow") == 0)
		return overflow(argc - 1) == 0;
	if (strcmp(what, "leak") == 0)
		return leak();
	return clean();
}
