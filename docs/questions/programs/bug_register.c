/*
 * Registers a name for a user of a chat, called by many threads. A name must
 * not be given twice.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	USERS = 100,
	NAME = 33,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char names[USERS][NAME]; /* guarded by lock */
static int count;               /* guarded by lock */

static bool
is_taken_locked(const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* 0, or -1 if the name is taken or too long, or there is no room. */
int
register_name(const char *name)
{
	bool taken;

	if (strlen(name) >= NAME)
		return -1;
	pthread_mutex_lock(&lock);
	taken = is_taken_locked(name) || count == USERS;
	pthread_mutex_unlock(&lock); /* looked */
	if (taken)
		return -1;
	pthread_mutex_lock(&lock); /* to add */
	strcpy(names[count++], name);
	pthread_mutex_unlock(&lock); /* added */
	return 0;
}

int
main(void)
{
	register_name("anna");
	printf("names: %d\n", count);
}
