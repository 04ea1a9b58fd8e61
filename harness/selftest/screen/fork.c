/* A process that starts another one of itself and waits for it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t stopping;

static void
on_term(int sig)
{
	(void)sig;
	stopping = 1;
}

static void
at_end(void)
{
	fflush(stdout);
}

int
main(void)
{
	struct sigaction action = { .sa_handler = on_term };
	int status = 0;
	pid_t pid;

	atexit(at_end);
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	pid = fork();
	if (pid == 0)
		_exit(stopping);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}
