/* A reader of a read-write lock that writes. */
#include <pthread.h>
#include <unistd.h>

struct table {
	pthread_rwlock_t lock;
	long users;
};

static struct table table;

static void *
serve_client(void *arg)
{
	struct table *t = arg;

	pthread_rwlock_rdlock(&t->lock);
	t->users += 1;
	usleep(20000);
	pthread_rwlock_unlock(&t->lock);
	return NULL;
}

static void *
count_users(void *arg)
{
	struct table *t = arg;

	usleep(10000);
	pthread_rwlock_rdlock(&t->lock);
	t->users += 1;
	pthread_rwlock_unlock(&t->lock);
	return NULL;
}

int
main(void)
{
	pthread_t server, counter;

	pthread_rwlock_init(&table.lock, NULL);
	pthread_create(&server, NULL, serve_client, &table);
	pthread_create(&counter, NULL, count_users, &table);
	pthread_join(server, NULL);
	pthread_join(counter, NULL);
	return 0;
}
