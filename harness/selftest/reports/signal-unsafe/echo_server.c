/* A handler that allocates memory. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void *volatile block;

static void
on_term(int sig)
{
	(void)sig;
	block = malloc(10);
}

int
main(void)
{
	struct sigaction action = { .sa_handler = on_term };

	sigaction(SIGTERM, &action, NULL);
	kill(getpid(), SIGTERM);
	usleep(1000);
	free(block);
	return 0;
}
