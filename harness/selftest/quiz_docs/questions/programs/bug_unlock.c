/* Shows a bug: the lock is not given back on every way out. */
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int number;

static int
take(int most)
{
	pthread_mutex_lock(&lock);
	if (number >= most)
		return -1;
	number++;
	pthread_mutex_unlock(&lock);
	return 0;
}

int
main(void)
{
	return take(1);
}
