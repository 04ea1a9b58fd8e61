/*
 * Shows a bug: on the error path a function returns without unlocking. The one
 * that made the error is answered; it is the next one who waits for ever.
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char name[8];

static int
set_name(const char *wish)
{
	pthread_mutex_lock(&lock);
	if (strlen(wish) >= sizeof(name))
		return -1;
	strcpy(name, wish);
	pthread_mutex_unlock(&lock);
	return 0;
}

static void *
client_main(void *wish)
{
	printf("%s: %s\n", (char *)wish, set_name(wish) < 0 ? "ERR" : "OK");
	return NULL;
}

/* Serves a client in a thread of its own, and waits for its end. */
static void
serve(char *wish)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, client_main, wish) != 0)
		exit(1);
	pthread_join(thread, NULL);
}

int
main(void)
{
	serve("anna");
	serve("maximilian");
	if (pthread_mutex_trylock(&lock) == EBUSY)
		puts("clara: would wait for a thread that has ended");
}
