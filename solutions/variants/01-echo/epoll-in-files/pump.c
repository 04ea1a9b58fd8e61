#define _GNU_SOURCE

#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { AT_ONCE = 1024 };

int
pump_open(struct pump *pump)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*pump = (struct pump){.in = ends[1], .out = ends[0]};
	return 0;
}

enum pump_state
pump_run(struct pump *pump, int socket, size_t *taken, size_t *given)
{
	ssize_t n;

	*taken = *given = 0;
	if (pump->inside == 0) {
		n = splice(socket, NULL, pump->in, NULL, AT_ONCE, 0);
		if (n == 0)
			return PUMP_DONE;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR
			    ? PUMP_WANTS_INPUT
			    : PUMP_DONE;
		*taken = pump->inside = (size_t)n;
	}
	n = splice(pump->out, NULL, socket, NULL, pump->inside, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? PUMP_WANTS_ROOM
							 : PUMP_DONE;
	*given = (size_t)n;
	pump->inside -= (size_t)n;
	return pump->inside ? PUMP_WANTS_ROOM : PUMP_WANTS_INPUT;
}

void
pump_close(struct pump *pump)
{
	close(pump->in);
	close(pump->out);
}
