/* Waits for nothing, under a name of its own, and takes no signal that can be refused. */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

int
main(void)
{
	for (int number = 1; number < 32; number++)
		signal(number, SIG_IGN);
	prctl(PR_SET_NAME, "never_listens");
	for (;;)
		pause();
}
