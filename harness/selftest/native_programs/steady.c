/* One thread that makes the same 400 delayable calls in every run. */
#include <pthread.h>
#include <unistd.h>

int
main(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	int ends[2], i;
	char byte = 'x';

	if (pipe(ends) != 0)
		return 1;
	for (i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		pthread_mutex_unlock(&mutex);
		if (write(ends[1], &byte, 1) != 1 ||
		    read(ends[0], &byte, 1) != 1)
			return 1;
	}
	return 0;
}
