/*
 * Two races: on a counter, and on a buffer that one thread fills while
 * another's write() sends it. The second is seen within a wrapped call.
 */
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>

static int counter;
static char buffer[64];
static int ends[2];

static void
buffer_send(void)
{
	if (write(ends[1], buffer, sizeof buffer) < 0) /* RACE: buffer */
		_exit(2);
}

static void *
sender(void *unused)
{
	counter++; /* RACE: counter */
	buffer_send();
	return unused;
}

int
main(void)
{
	pthread_t thread;
	size_t i;

	if (pipe(ends) || pthread_create(&thread, NULL, sender, NULL))
		return 2;
	counter++;
	for (i = 0; i < sizeof buffer; i++)
		buffer[i] = 'x';
	pthread_join(thread, NULL);
	return 0;
}
