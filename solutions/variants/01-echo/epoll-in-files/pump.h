/* pump - bytes from a socket back into it, by way of a pipe in the kernel */

#ifndef PUMP_H
#define PUMP_H

#include <stddef.h>

/* What pump_run found out. */
enum pump_state { PUMP_WANTS_INPUT, PUMP_WANTS_ROOM, PUMP_DONE };

struct pump {
	int in, out;   /* the pipe's two ends */
	size_t inside; /* bytes in the pipe */
};

/* Returns 0, or -1 with errno set: out of descriptors. */
int pump_open(struct pump *pump);

/*
 * Moves what can be moved now for a non-blocking socket; *taken and *given
 * are set to the number of bytes.
 */
enum pump_state pump_run(
    struct pump *pump, int socket, size_t *taken, size_t *given);

void pump_close(struct pump *pump);

#endif
