/*
 * echo_client - one thread sends lines, another one prints what comes back
 *
 *	echo_client [-a ADDRESS] [-p PORT]
 *
 * So neither has to wait for the other, and no line is too long. At the end
 * the sender half-closes, and the printer reads on until the server closes.
 */

#define _POSIX_C_SOURCE 200809L

#include "net.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYNOPSIS "usage: echo_client [-a ADDRESS] [-p PORT]\n"

/* What the two threads share; fd is set before the second one starts. */
static int server;
static atomic_bool all_sent;     /* the half close comes next */
static atomic_ullong sent_bytes; /* counted before they are sent */

/* Ends both threads from either. */
static void
give_up(const char *why)
{
	fprintf(stderr, "echo_client: talking to the server: %s\n", why);
	_exit(1);
}

static void
print(const char *bytes, size_t size)
{
	if (fwrite(bytes, 1, size, stdout) < size || fflush(stdout) == EOF)
		give_up("standard output is full or closed");
}

/* The printer's life: until the server closes, which it must not do early. */
static void *
print_replies(void *unused)
{
	unsigned long long received = 0;
	char bytes[3000];
	ssize_t n;

	while ((n = recv(server, bytes, sizeof(bytes), 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			give_up(strerror(errno));
		fprintf(stderr, "received %zd bytes\n", n);
		print(bytes, (size_t)n);
		received += (unsigned long long)n;
	}
	if (!all_sent || received < sent_bytes)
		give_up("it went away");
	return unused;
}

static bool
is_exit(const char *line, ssize_t length)
{
	return (length == 5 && memcmp(line, "exit\n", 5) == 0) ||
	    (length == 4 && memcmp(line, "exit", 4) == 0);
}

/* Lines from stdin to the server, until there are no more. */
static void
send_lines(void)
{
	bool prompts = isatty(fileno(stdin));
	char *line = NULL;
	size_t room = 0;

	for (;;) {
		ssize_t length;

		if (prompts)
			fputs("? ", stderr);
		length = getline(&line, &room, stdin);
		if (length < 0 || is_exit(line, length))
			break;
		sent_bytes += (unsigned long long)length;
		if (net_send_all(server, line, (size_t)length) < 0)
			give_up(strerror(errno));
		fprintf(stderr, "sent %zd bytes\n", length);
	}
	free(line);
	if (ferror(stdin))
		give_up("standard input can't be read");
}

static _Noreturn void
bad_arguments(const char *which)
{
	fprintf(stderr, "echo_client: not understood: %s\n" SYNOPSIS, which);
	exit(2);
}

static struct net_address
parse(int argc, char *argv[])
{
	struct net_address address;
	const char *host = "127.0.0.1", *port = "9090";
	int option, number;
	char rest;

	while ((option = getopt(argc, argv, "hp:a:")) != -1) {
		if (option == 'h') {
			printf(SYNOPSIS);
			exit(0);
		}
		if (option == '?')
			bad_arguments("an option");
		*(option == 'p' ? &port : &host) = optarg;
	}
	if (optind < argc)
		bad_arguments(argv[optind]);
	if (strspn(port, "0123456789") != strlen(port) || strlen(port) > 9 ||
	    sscanf(port, "%d%c", &number, &rest) != 1 || number > 65535)
		bad_arguments(port);
	if (net_parse(host, number, &address) < 0)
		bad_arguments(host);
	return address;
}

int
main(int argc, char *argv[])
{
	struct net_address address = parse(argc, argv);
	char name[NET_NAME_SIZE];
	pthread_t printer;
	int error;

	net_format(&address, name);
	server = net_connect(&address);
	if (server < 0) {
		fprintf(stderr, "echo_client: %s does not answer: %s\n", name,
		    strerror(errno));
		return 1;
	}
	fprintf(stderr, "connected to %s\n", name);
	error = pthread_create(&printer, NULL, print_replies, NULL);
	if (error)
		give_up(strerror(error));
	send_lines();
	all_sent = true;
	shutdown(server, SHUT_WR);
	pthread_join(printer, NULL);
	close(server);
	fputs("disconnected\n", stderr);
	return 0;
}
