#define _POSIX_C_SOURCE 200809L

#include "roster.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <threads.h>
#include <unistd.h>

static mtx_t guard;
static cnd_t empty;
static struct guest *guests; /* under guard */
static int at_work;          /* under guard */

bool
roster_open(void)
{
	return mtx_init(&guard, mtx_plain) == thrd_success &&
	    cnd_init(&empty) == thrd_success;
}

void
roster_enter(struct guest *guest)
{
	mtx_lock(&guard);
	guest->next = guests;
	guests = guest;
	at_work++;
	mtx_unlock(&guard);
}

void
roster_leave(struct guest *guest)
{
	struct guest **link;

	mtx_lock(&guard);
	for (link = &guests; *link != guest; link = &(*link)->next)
		;
	*link = guest->next;
	/* Under the lock: roster_close must not meet a number used anew. */
	close(guest->fd);
	/* And this, too: once nobody is at work, main may end the program. */
	free(guest);
	if (--at_work == 0)
		cnd_signal(&empty);
	mtx_unlock(&guard);
}

void
roster_close(void)
{
	mtx_lock(&guard);
	for (struct guest *guest = guests; guest; guest = guest->next)
		shutdown(guest->fd, SHUT_RDWR);
	while (at_work > 0)
		cnd_wait(&empty, &guard);
	mtx_unlock(&guard);
}
