/* One thread closes the descriptor that another reads. */
#include <pthread.h>
#include <unistd.h>

static int pipe_fds[2];

static void *
serve_client(void *arg)
{
	char byte;

	(void)arg;
	usleep(10000);
	if (read(pipe_fds[0], &byte, 1) == 1)
		usleep(1000);
	usleep(100000);
	return NULL;
}

int
main(void)
{
	pthread_t thread;

	if (pipe(pipe_fds) == -1)
		return 1;
	if (write(pipe_fds[1], "x", 1) != 1)
		return 1;
	pthread_create(&thread, NULL, serve_client, NULL);
	usleep(50000);
	close(pipe_fds[0]);
	pthread_join(thread, NULL);
	return 0;
}
