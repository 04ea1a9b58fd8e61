/* Two locks, taken in one order here and in the other there. */
#include <pthread.h>
#include <unistd.h>

struct room {
	pthread_mutex_t lock;
	int messages;
};

static struct room lobby = { .lock = PTHREAD_MUTEX_INITIALIZER };
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_lines;

static void
room_say(struct room *room)
{
	pthread_mutex_lock(&room->lock);
	pthread_mutex_lock(&log_lock);
	room->messages++;
	log_lines++;
	pthread_mutex_unlock(&log_lock);
	pthread_mutex_unlock(&room->lock);
}

static void *
serve_client(void *arg)
{
	room_say(arg);
	return NULL;
}

static void *
show_log(void *arg)
{
	struct room *room = arg;

	pthread_mutex_lock(&log_lock);
	pthread_mutex_lock(&room->lock);
	log_lines += room->messages;
	pthread_mutex_unlock(&room->lock);
	pthread_mutex_unlock(&log_lock);
	return NULL;
}

int
main(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, serve_client, &lobby);
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, show_log, &lobby);
	pthread_join(thread, NULL);
	return 0;
}
