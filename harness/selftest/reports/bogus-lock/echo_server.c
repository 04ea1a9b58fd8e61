/* Locks that are none: unlocked, destroyed and waited with as they are. */
#include <pthread.h>
#include <string.h>

struct client {
	pthread_mutex_t lock;
	int fd;
};

int
main(void)
{
	struct client c;
	pthread_t self = pthread_self();

	memset(&c, 0xff, sizeof(c));
	pthread_mutex_unlock(&c.lock);
	pthread_mutex_init(&c.lock, NULL);
	pthread_mutex_lock(&c.lock);
	pthread_mutex_destroy(&c.lock);
	return pthread_join(self, NULL) == 0;
}
