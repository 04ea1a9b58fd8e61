#define _POSIX_C_SOURCE 200809L

#include "service.h"

#include "net.h"
#include "roster.h"

#include <errno.h>
#include <stdio.h>
#include <threads.h>

bool service_verbose;

/* One for each thread, though it looks like one for all. */
static _Thread_local char portion[2048];

/* Returns how much there is in portion now; 0 or less at the end. */
static ssize_t
take(const struct guest *guest)
{
	ssize_t n;

	while ((n = recv(guest->fd, portion, sizeof(portion), 0)) < 0 &&
	    errno == EINTR)
		thrd_yield();
	return n;
}

static void
report(const struct guest *guest, const char *verb, ssize_t n, const char *way)
{
	if (service_verbose)
		printf("%s %zd bytes %s %s\n", verb, n, way, guest->name);
}

int
service_run(void *pointer)
{
	struct guest *guest = pointer;
	ssize_t n;

	printf("client %s connected\n", guest->name);
	while ((n = take(guest)) > 0) {
		report(guest, "received", n, "from");
		if (net_send_all(guest->fd, portion, (size_t)n) < 0)
			break;
		report(guest, "sent", n, "to");
	}
	printf("client %s disconnected\n", guest->name);
	roster_leave(guest);
	return 0;
}
