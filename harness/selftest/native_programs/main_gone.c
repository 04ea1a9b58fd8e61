/*
 * Its main thread ends; another one listens on a port of 127.0.0.1, says which,
 * and waits for SIGTERM. With an argument it is a child in a session of its own
 * that does so, and the program itself ends.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static sigset_t stop;

static void *
wait_for_stop(void *unused)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	int number, fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)unused;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (void *)&address, sizeof address) != 0 ||
	    listen(fd, 8) != 0 ||
	    getsockname(fd, (void *)&address, &size) != 0)
		exit(2);
	printf("listening on %d\n", ntohs(address.sin_port));
	fflush(stdout);
	sigwait(&stop, &number);
	exit(3);
}

int
main(int argc, char *argv[])
{
	pthread_t thread;

	(void)argv;
	if (argc > 1) {
		if (fork() != 0)
			return 0;
		setsid();
	}
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	if (pthread_create(&thread, NULL, wait_for_stop, NULL) != 0)
		return 4;
	pthread_detach(thread);
	pthread_exit(NULL);
}
