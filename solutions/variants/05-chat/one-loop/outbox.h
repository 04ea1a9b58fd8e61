/*
 * outbox - bytes that wait to be sent to a client
 *
 * A chain of blocks. Each holds either answers to the client's own commands
 * or what others have said: only the latter are limited.
 */

#ifndef OUTBOX_H
#define OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

enum { OUTBOX_LIMIT = 256 * 1024 }; /* bytes of others' that may wait */

struct block;

struct outbox {
	struct block *first, *last;
	size_t own, others; /* bytes that wait */
};

/* Appends text. Returns -1 without memory, or if too much of others' waits. */
int outbox_add(struct outbox *box, const char *text, bool own);

/* Sends what fd takes without waiting; -1 if the connection is broken. */
int outbox_send(struct outbox *box, int fd);

void outbox_clear(struct outbox *box);

#endif
