/*
 * A handler shuts the listening socket down. The signal comes here before
 * accept(2) is called, and is not lost: a socket that was shut down stays so.
 * (That accept(2) then fails is Linux's way; elsewhere see self_pipe.c.)
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static volatile sig_atomic_t listener, stopping;

/* Handles SIGTERM. Only calls of the list in signal-safety(7). */
static void
handler(int number)
{
	int saved = errno; /* who is interrupted may be about to look at it */

	(void)number;
	stopping = 1;
	shutdown(listener, SHUT_RDWR);
	errno = saved;
}

int
main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct sigaction action = {.sa_handler = handler};

	listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 8) < 0)
		return 1;
	sigaction(SIGTERM, &action, NULL);

	while (!stopping) {
		raise(SIGTERM); /* after the look, before the sleep */
		if (accept(listener, NULL, NULL) < 0)
			printf("accept: %s\n", strerror(errno));
	}
	puts("stopped");
}
