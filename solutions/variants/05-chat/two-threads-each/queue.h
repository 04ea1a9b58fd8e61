/*
 * queue - what waits to be sent to one client, and who waits for that
 *
 * Any thread may put lines in; the client's writer takes them out. The queue
 * has a lock of its own, which is taken last of all and for moments only.
 */

#ifndef QUEUE_H
#define QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct line {
	struct line *next;
	bool own; /* an answer, not what others say */
	size_t size;
	char text[];
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct line *first, **end; /* lock */
	size_t own, others;        /* lock: bytes that wait */
	bool closing;              /* lock: nothing more comes */
	bool broken;               /* lock: nothing more can be sent */
};

void queue_init(struct queue *queue);
void queue_destroy(struct queue *queue);

/* Puts a line in. Returns whether that was too much of others': once. */
bool queue_put(struct queue *queue, const char *text, bool own);

/* Waits until few answers wait, or the queue is broken. */
void queue_await_room(struct queue *queue);

/* Takes all lines, waiting for some; NULL at the end. For queue_free. */
struct line *queue_take(struct queue *queue);
void queue_sent(struct queue *queue, const struct line *line);
void queue_free(struct line *line);

void queue_close(struct queue *queue);
void queue_break(struct queue *queue);

#endif
