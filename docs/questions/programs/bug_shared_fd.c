/* Hears out each client in a thread of its own. One line of it is wrong. */

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* The thread of a client: takes what comes, until the end. */
static void *
serve(void *argument)
{
	int fd = *(int *)argument;
	char portion[1024];

	while (recv(fd, portion, sizeof(portion), 0) > 0)
		continue;
	close(fd);
	return NULL;
}

/* Accepts clients until accept fails. */
static void
accept_all(int listener)
{
	for (;;) {
		pthread_t thread;
		int client = accept(listener, NULL, NULL);

		if (client < 0)
			return;
		errno = pthread_create(&thread, NULL, serve, &client);
		if (errno != 0) {
			warn("serve a client");
			close(client);
			continue;
		}
		pthread_detach(thread);
	}
}

int
main(void)
{
	int listener = socket(AF_INET6, SOCK_STREAM, 0);

	if (listener < 0 || listen(listener, SOMAXCONN) < 0)
		err(1, "listen");
	accept_all(listener);
	return 0;
}
