#define _POSIX_C_SOURCE 200809L

#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BLOCK = 4096 };

struct block {
	struct block *next;
	bool own;
	size_t begin, end; /* data[begin] to data[end - 1] wait */
	char data[BLOCK];
};

/* A block in which there is room for bytes of this kind. */
static struct block *
room_for(struct outbox *box, bool own)
{
	struct block *block = box->last;

	if (block != NULL && block->own == own && block->end < BLOCK)
		return block;
	block = malloc(sizeof(*block));
	if (block == NULL)
		return NULL;
	block->next = NULL;
	block->own = own;
	block->begin = block->end = 0;
	if (box->last != NULL)
		box->last->next = block;
	else
		box->first = block;
	box->last = block;
	return block;
}

int
outbox_add(struct outbox *box, const char *text, bool own)
{
	size_t size = strlen(text);
	size_t *waiting = own ? &box->own : &box->others;

	if (!own && box->others + size > OUTBOX_LIMIT)
		return -1;
	while (size > 0) {
		struct block *block = room_for(box, own);
		size_t n;

		if (block == NULL)
			return -1;
		n = BLOCK - block->end < size ? BLOCK - block->end : size;
		memcpy(block->data + block->end, text, n);
		block->end += n;
		*waiting += n;
		text += n;
		size -= n;
	}
	return 0;
}

int
outbox_send(struct outbox *box, int fd)
{
	struct block *block;

	while ((block = box->first) != NULL) {
		ssize_t n = send(fd, block->data + block->begin,
		    block->end - block->begin, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		block->begin += (size_t)n;
		*(block->own ? &box->own : &box->others) -= (size_t)n;
		if (block->begin < block->end)
			continue;
		box->first = block->next;
		if (box->first == NULL)
			box->last = NULL;
		free(block);
	}
	return 0;
}

void
outbox_clear(struct outbox *box)
{
	while (box->first != NULL) {
		struct block *block = box->first;

		box->first = block->next;
		free(block);
	}
	*box = (struct outbox){NULL, NULL, 0, 0};
}
