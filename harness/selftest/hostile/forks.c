/*
 * A server that leaves daemons behind: they have a session of their own, are
 * nobody's children, hold no descriptor of ours, have no environment to be
 * found by, and take no signal that can be refused.
 */
#define _DEFAULT_SOURCE
#include "hostile.h"

#include <signal.h>
#include <string.h>

extern char **environ;

static void
become_daemon(void)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_IGN);
	if (setsid() < 0 || fork() > 0)
		_exit(0);
	for (char **word = environ; *word; word++)
		memset(*word, 0, strlen(*word));
	for (int fd = 0; fd < 64; fd++)
		close(fd);
	for (;;)
		pause();
}

int
main(void)
{
	for (int i = 0; i < 3; i++)
		if (fork() == 0)
			become_daemon();
	accept(listen_somewhere(), NULL, NULL);
	return 0;
}
