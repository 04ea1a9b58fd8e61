/*
 * control_server - an echo service for users, with a console
 *
 *	control_server [-a ADDRESS] [-p PORT] [-u USERS_FILE] [-l LOG_FILE]
 *	    [-c COST]
 *
 * Clients register or log in, and get back what they SAY: lab 05's protocol
 * without the chat. Meanwhile the person who runs the server types commands.
 *
 * Another design than the reference's: one thread polls all clients and the
 * listening socket, a few hash passwords, and main takes commands: see loop.c.
 *
 * Locks, one a module: clients.lock (who is connected), accounts.lock (users
 * and who is online), log's lock (the file and what is known of it), and that
 * of stdout (flockfile(3)). Lock order: stdout's first, then one of the other
 * three, never two of those. (No thread needs more than one now: who has what
 * it needs from a module releases that lock, then prints.) While holding any
 * of them nobody waits for a client, or for a thread to end.
 */

#define _POSIX_C_SOURCE 200809L

#include "accounts.h"
#include "clients.h"
#include "command.h"
#include "console.h"
#include "listener.h"
#include "log.h"
#include "net.h"

#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char usage[] =
    "usage: control_server [-a ADDRESS] [-p PORT] [-u USERS_FILE]\n"
    "           [-l LOG_FILE] [-c COST]\n";

/* What the command line says. */
struct options {
	struct net_address address;
	const char *users_path, *log_path;
	int cost; /* of a password's hash */
};

/* Ends the program because its arguments are wrong. */
static _Noreturn void
exit_with_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

/* The number that text is, from least to most; else the arguments are wrong. */
static int
parse_number(const char *what, const char *text, int least, int most)
{
	long number = command_number(text, most + 1L);

	if (number < least || number > most) {
		warnx("%s '%s': not a number from %d to %d", what, text, least,
		    most);
		exit_with_usage();
	}
	return (int)number;
}

/* Reads the command line into *options. */
static void
parse_arguments(int argc, char *argv[], struct options *options)
{
	const char *host = "127.0.0.1";
	int port = 9090;
	int option;

	*options = (struct options){
	    .users_path = "users.txt", .log_path = "server.log", .cost = 5};
	while ((option = getopt(argc, argv, "a:p:u:l:c:h")) != -1) {
		switch (option) {
		case 'a':
			host = optarg;
			break;
		case 'p':
			port = parse_number("port", optarg, 0, 65535);
			break;
		case 'u':
			options->users_path = optarg;
			break;
		case 'l':
			options->log_path = optarg;
			break;
		case 'c':
			options->cost = parse_number(
			    "cost", optarg, USERS_COST_MIN, USERS_COST_MAX);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default: /* getopt has said what is wrong */
			exit_with_usage();
		}
	}
	if (optind < argc) {
		warnx("surplus operand '%s'", argv[optind]);
		exit_with_usage();
	}
	if (net_parse(host, port, &options->address) < 0) {
		warnx("address '%s': neither IPv4 nor IPv6", host);
		exit_with_usage();
	}
}

/*
 * Makes stdin, stdout and stderr files if they are none: if the server was
 * started with `<&-`, the next file opened would become the console.
 */
static void
open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/*
 * Returns a descriptor that can be read once SIGINT or SIGTERM has come. They
 * are blocked, also in each thread that is started from now on: no handler is
 * called, and no call fails with EINTR for them.
 */
static int
catch_stop_signals(void)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (fd < 0)
		err(1, "signalfd");
	return fd;
}

/* Says what is said at a terminal, too, and logs it. */
static void
announce(const char *words, const char *name)
{
	printf("%s%s\n", words, name);
	log_write("%s%s", words, name);
}

int
main(int argc, char *argv[])
{
	struct options options;
	char name[NET_NAME_SIZE];
	int stop;

	parse_arguments(argc, argv, &options);
	open_standard_files();

	/* Whole lines, as soon as they are printed, into a pipe too. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	/* If that pipe's reader is gone, printing fails: no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	stop = catch_stop_signals();
	if (log_open(options.log_path, !console_is_terminal()) < 0)
		err(1, "open the log %s", options.log_path);
	if (accounts_open(options.users_path, options.cost) < 0)
		err(1, "open the identification file %s", options.users_path);
	announce("server started", "");

	listener_set_address(&options.address);
	listener_format_address(name);
	if (listener_start() < 0)
		err(1, "listen on %s", name);
	listener_format_address(name);
	announce("listening on ", name);

	console_run(stop);

	listener_stop();
	clients_stop();
	announce("server stopped", "");
	accounts_close();
	log_close();
	close(stop);
	return 0;
}
