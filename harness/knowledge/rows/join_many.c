/* pthread_create, pthread_join: a chain, each thread joins the one before it */
#include "row.h"

enum { LINKS = 4 };

static int count;

static void *
chain(void *length)
{
	pthread_t next;
	int left = *(int *)length - 1;

	if (left > 0) {
		must(pthread_create(&next, NULL, chain, &left) == 0);
		if (BROKEN)
			count++;
		must(pthread_join(next, NULL) == 0);
	}
	count++;
	return NULL;
}

int
main(void)
{
	int length = LINKS;

	chain(&length);
	must(BROKEN || count == LINKS);
	return 0;
}
