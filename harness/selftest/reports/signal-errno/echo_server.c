/* A handler that leaves errno changed. */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static void
on_alarm(int sig)
{
	(void)sig;
	errno = EINTR;
}

int
main(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value = { .tv_usec = 10000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	pause();
	return 0;
}
