/* roster - who is connected, and how many threads are at work */

#ifndef ROSTER_H
#define ROSTER_H

#include <stdbool.h>

struct guest {
	int fd;
	char name[64];
	struct guest *next;
};

/* Prepares the roster. Returns false where there are no locks to be had. */
bool roster_open(void);

/* Writes down a guest before its thread is started. */
void roster_enter(struct guest *guest);

/* Crosses a guest out, closes its socket and frees it. */
void roster_leave(struct guest *guest);

/* Hangs up on all guests and waits until each of them has left. */
void roster_close(void);

#endif
