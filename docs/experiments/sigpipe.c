/*
 * A process writes to a socket whose other end is closed: with write(2) it is
 * killed by SIGPIPE, with MSG_NOSIGNAL it gets an error and lives.
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns how a child process ends that sends to nobody. */
static int
send_to_nobody(int flags)
{
	int pair[2], status;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		exit(1);
	close(pair[1]);
	if (fork() == 0) {
		if (send(pair[0], "hello", 5, flags) < 0)
			perror("send");
		_exit(0);
	}
	wait(&status);
	close(pair[0]);
	return status;
}

int
main(void)
{
	int status = send_to_nobody(0);

	if (WIFSIGNALED(status))
		printf("killed by: %s\n", strsignal(WTERMSIG(status)));
	fflush(stdout);
	status = send_to_nobody(MSG_NOSIGNAL);
	if (WIFEXITED(status))
		printf("still there, and ended with %d\n", WEXITSTATUS(status));
}
