/*
 * thread_per_client - a silent client blocks its own thread and nobody else's
 *
 * The child process is the server, the parent plays its two clients. A
 * connects and says nothing; B connects after it, asks, and is answered.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends the program if a call has failed; otherwise returns its result. */
static int
check(int result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
	return result;
}

/* A socket that listens on a port of the kernel's choice, told in *address. */
static int
listen_on_loopback(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	*address = (struct sockaddr_in){.sin_family = AF_INET};
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)address, size), "bind");
	check(listen(fd, 8), "listen");
	check(
	    getsockname(fd, (struct sockaddr *)address, &size), "getsockname");
	return fd;
}

/* A new connection to address. */
static int
connect_to(const struct sockaddr_in *address)
{
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	check(connect(fd, (const struct sockaddr *)address, sizeof(*address)),
	    "connect");
	return fd;
}

/* The whole life of one client; argument is its socket. */
static void *
serve_client(void *argument)
{
	int client = (int)(intptr_t)argument;
	char buffer[64];
	ssize_t n;

	/* A's thread sleeps here. B has a thread of its own. */
	while ((n = read(client, buffer, sizeof(buffer))) > 0)
		if (write(client, buffer, (size_t)n) != n)
			break;
	close(client);
	return NULL;
}

/* The server: main accepts, each of two clients gets a thread. */
static void
serve(int listener)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		int client = check(accept(listener, NULL, NULL), "accept");

		errno = pthread_create(
		    &threads[i], NULL, serve_client, (void *)(intptr_t)client);
		if (errno != 0)
			err(1, "pthread_create");
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/* The clients: A is silent, B asks and waits for its answer. */
static void
play_clients(const struct sockaddr_in *address)
{
	char text[64];
	int n;
	int a = connect_to(address);
	int b;

	printf("A: connected, and silent\n");
	b = connect_to(address);
	check((int)write(b, "hello", 5), "write");
	printf("B: connected too, and says \"hello\"\n");
	n = check((int)read(b, text, sizeof(text)), "read");
	printf("B: the answer is \"%.*s\"\n", n, text);
	close(a);
	printf("A: leaves\n");
	close(b);
}

int
main(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	pid_t server = check(fork(), "fork");

	if (server == 0) {
		serve(listener);
		_exit(0);
	}
	play_clients(&address);
	check(waitpid(server, NULL, 0), "waitpid");
	return 0;
}
