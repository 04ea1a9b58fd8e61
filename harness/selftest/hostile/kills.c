/*
 * Ends everything that it may send a signal to, its group, its parent, all; or,
 * with NUMBER, stops it.
 * Not outside a process namespace of its own, where its id would be large.
 */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <unistd.h>

#ifndef NUMBER
#define NUMBER SIGKILL
#endif

int
main(void)
{
	if (getpid() > 100)
		return 1;
	for (int number = 1; number < 32; number++)
		signal(number, SIG_IGN);
	kill(getppid(), NUMBER);
	kill(-1, NUMBER);
	kill(0, NUMBER);
	return 0;
}
