#define _POSIX_C_SOURCE 200809L

#include "queue.h"

#include <stdlib.h>
#include <string.h>

enum { OTHERS_MOST = 256 * 1024, OWN_MOST = 64 * 1024 };

void
queue_init(struct queue *queue)
{
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->changed, NULL);
	queue->first = NULL;
	queue->end = &queue->first;
	queue->own = queue->others = 0;
	queue->closing = queue->broken = false;
}

void
queue_destroy(struct queue *queue)
{
	queue_free(queue->first);
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->lock);
}

bool
queue_put(struct queue *queue, const char *text, bool own)
{
	size_t size = strlen(text);
	struct line *line = malloc(sizeof(*line) + size);
	bool too_much = false;

	pthread_mutex_lock(&queue->lock);
	if (queue->broken) {
		free(line);
	} else if (line == NULL ||
	    (!own && queue->others + size > OTHERS_MOST)) {
		free(line);
		queue->broken = too_much = true;
	} else {
		line->next = NULL;
		line->own = own;
		line->size = size;
		memcpy(line->text, text, size);
		*queue->end = line;
		queue->end = &line->next;
		*(own ? &queue->own : &queue->others) += size;
	}
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
	return too_much;
}

void
queue_await_room(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->own > OWN_MOST && !queue->broken && !queue->closing)
		pthread_cond_wait(&queue->changed, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
}

struct line *
queue_take(struct queue *queue)
{
	struct line *lines;

	pthread_mutex_lock(&queue->lock);
	while (queue->first == NULL && !queue->closing && !queue->broken)
		pthread_cond_wait(&queue->changed, &queue->lock);
	lines = queue->broken ? NULL : queue->first;
	if (lines != NULL) {
		queue->first = NULL;
		queue->end = &queue->first;
	}
	pthread_mutex_unlock(&queue->lock);
	return lines;
}

void
queue_sent(struct queue *queue, const struct line *line)
{
	pthread_mutex_lock(&queue->lock);
	*(line->own ? &queue->own : &queue->others) -= line->size;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

void
queue_free(struct line *line)
{
	while (line != NULL) {
		struct line *next = line->next;

		free(line);
		line = next;
	}
}

static void
set(struct queue *queue, bool *flag)
{
	pthread_mutex_lock(&queue->lock);
	*flag = true;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

void
queue_close(struct queue *queue)
{
	set(queue, &queue->closing);
}

void
queue_break(struct queue *queue)
{
	set(queue, &queue->broken);
}
