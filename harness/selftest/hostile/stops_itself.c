/* Stops, as Ctrl-Z would do it, and nobody continues it. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>

int
main(void)
{
	raise(SIGSTOP);
	return 0;
}
