/*
 * Ends at once, and leaves a child behind in a session of its own: one that
 * keeps all that it has inherited open or, with LISTENS, one that serves
 * nobody; with HOPS one that goes on in a child of its own again and again.
 */
#define _DEFAULT_SOURCE
#include "hostile.h"

#include <signal.h>

#ifndef LISTENS
#define LISTENS 0
#endif
#ifndef HOPS
#define HOPS 0
#endif

int
main(void)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_IGN);
	if (LISTENS)
		listen_somewhere();
	if (fork() > 0)
		return 0;
	setsid();
	for (int hop = 0; HOPS && hop < 20000; hop++)
		if (fork() > 0)
			_exit(0);
	for (;;)
		pause();
}
