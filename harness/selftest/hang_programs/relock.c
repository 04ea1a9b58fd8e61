/*
 * A thread that takes a mutex twice, by way of another function, while the
 * thread that will join it waits. The mutex lies on the heap.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdlib.h>

struct room {
	int guests;
	pthread_mutex_t lock;
};

static int
room_guests(struct room *room)
{
	int guests;

	pthread_mutex_lock(&room->lock);
	guests = room->guests;
	pthread_mutex_unlock(&room->lock);
	return guests;
}

static void *
guest_main(void *argument)
{
	struct room *room = argument;

	pthread_mutex_lock(&room->lock);
	room->guests = room_guests(room) + 1;
	pthread_mutex_unlock(&room->lock);
	return NULL;
}

int
main(void)
{
	struct room *room = calloc(1, sizeof(*room));
	pthread_t guest;

	if (room == NULL || pthread_mutex_init(&room->lock, NULL) != 0)
		return 2;
	if (pthread_create(&guest, NULL, guest_main, room) != 0)
		return 2;
	pthread_join(guest, NULL);
	free(room);
	return 0;
}
