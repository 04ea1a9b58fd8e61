/*
 * scanner - each thread has a range of its own
 *
 * A semaphore keeps the sockets' numbers low enough for select(2). Main looks
 * fifty times a second how far all are, prints with write(2), and scans the
 * ranges for which there is no thread.
 */

#define _POSIX_C_SOURCE 200809L

#include "show.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SOCKETS = 900, MOST_THREADS = 10000, MOST_PORTS = 65535 };

struct range {
	pthread_t thread;
	int from, below; /* ports; set before the thread starts */
	int started;     /* main's */
};

static struct {
	int first, last, threads, timeout_ms; /* set before threads start */
	struct addrinfo *host;                /* as well */

	sem_t sockets;
	pthread_mutex_t lock;
	char found[MOST_PORTS + 1]; /* 'o', 'c', 'f' or 0; lock */
	int tried;                  /* lock */

	int said;                          /* main's */
	struct range ranges[MOST_THREADS]; /* main's */
} all = {.first = 1,
    .last = MOST_PORTS,
    .threads = 100,
    .timeout_ms = 1000,
    .lock = PTHREAD_MUTEX_INITIALIZER};

static volatile sig_atomic_t interrupted;

static void
note_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void
pause_ms(int ms)
{
	struct timespec rest = {ms / 1000, ms % 1000 * 1000000L};

	while (nanosleep(&rest, &rest) < 0 && errno == EINTR && !interrupted)
		;
}

/* Waits until fd can be written to. Returns 0 if it can't, after a while. */
static int
await_answer(int fd)
{
	struct timeval rest = {
	    all.timeout_ms / 1000, all.timeout_ms % 1000 * 1000L};
	fd_set set;
	int ready;

	do { /* Linux keeps in rest what is left */
		FD_ZERO(&set);
		FD_SET(fd, &set);
		ready = select(fd + 1, NULL, &set, NULL, &rest);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* The letter for what became of a connect, or 0 to do it again. */
static char
judge(int fd, int error)
{
	struct sockaddr_in6 here, there;
	socklen_t size = sizeof(here), as_large = sizeof(there);

	memset(&here, 0, sizeof(here));
	memset(&there, 0, sizeof(there));
	switch (error) {
	case 0:
		getsockname(fd, (struct sockaddr *)&here, &size);
		getpeername(fd, (struct sockaddr *)&there, &as_large);
		return memcmp(&here, &there, sizeof(here)) == 0 ? 'c' : 'o';
	case ECONNREFUSED:
		return 'c';
	case EADDRNOTAVAIL:
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return 0;
	default:
		return 'f';
	}
}

static char
probe_with(int fd, int port)
{
	struct sockaddr_in6 address;
	struct sockaddr *where = (struct sockaddr *)&address;
	int error = 0;
	socklen_t size = sizeof(error);

	memcpy(&address, all.host->ai_addr, all.host->ai_addrlen);
	if (where->sa_family == AF_INET6)
		address.sin6_port = htons((in_port_t)port);
	else
		((struct sockaddr_in *)where)->sin_port =
		    htons((in_port_t)port);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, where, all.host->ai_addrlen) < 0)
		error = errno;
	if (error == EINPROGRESS) {
		if (!await_answer(fd))
			return 'f';
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	return judge(fd, error);
}

static char
probe(int port)
{
	char found = 0;
	int fd;

	while (sem_wait(&all.sockets) < 0)
		;
	fd = socket(all.host->ai_family, SOCK_STREAM, 0);
	if (fd >= 0) {
		found = probe_with(fd, port);
		close(fd);
	}
	sem_post(&all.sockets);
	return found;
}

static void
scan_port(int port)
{
	char found;

	while ((found = probe(port)) == 0)
		pause_ms(10);
	pthread_mutex_lock(&all.lock);
	all.found[port] = found;
	all.tried++;
	pthread_mutex_unlock(&all.lock);
}

static void *
scan_range(void *argument)
{
	struct range *range = argument;

	for (int port = range->from; port < range->below; port++)
		scan_port(port);
	return NULL;
}

/* Shows what is new; returns whether all is known. */
static int
look(void)
{
	int open[64];
	int count = 0, tried, ports = all.last - all.first + 1;

	if (interrupted) {
		show_nothing_more();
		_exit(130);
	}
	pthread_mutex_lock(&all.lock);
	tried = all.tried;
	while (all.said <= all.last && all.found[all.said] && count < 64)
		if (all.found[all.said++] == 'o')
			open[count++] = all.said - 1;
	pthread_mutex_unlock(&all.lock);
	for (int i = 0; i < count; i++)
		show_open(open[i]);
	show_bar((int)(tried * 100L / ports));
	return all.said > all.last;
}

static void
start_threads(void)
{
	int ports = all.last - all.first + 1;
	int count = all.threads < ports ? all.threads : ports;

	for (int i = 0; i < count; i++) {
		struct range *range = &all.ranges[i];

		range->from = all.first + (int)((long)ports * i / count);
		range->below = all.first + (int)((long)ports * (i + 1) / count);
		range->started = pthread_create(&range->thread, NULL,
				     scan_range, range) == 0;
	}
}

/* What no thread was to be had for. */
static void
scan_the_rest(void)
{
	for (int i = 0; i < MOST_THREADS; i++) {
		struct range *range = &all.ranges[i];

		if (range->started)
			continue;
		for (int port = range->from; port < range->below; port++) {
			scan_port(port);
			look();
		}
	}
}

static void
run(void)
{
	sigset_t signals, before;

	sem_init(&all.sockets, 0, MOST_SOCKETS);
	all.said = all.first;
	sigfillset(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	start_threads();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	scan_the_rest();
	while (!look())
		pause_ms(20);
	for (int i = 0; i < MOST_THREADS; i++)
		if (all.ranges[i].started)
			pthread_join(all.ranges[i].thread, NULL);
	sem_destroy(&all.sockets);
}

static int
to_number(const char *text, const char *end, int most)
{
	int value = 0;

	if (text == end)
		return 0;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		value = value * 10 + (*text - '0');
		if (value > most)
			return 0;
	}
	return value;
}

static void
wrong(const char *what)
{
	fprintf(stderr, "scanner: %s\n%s", what, usage_text);
	exit(2);
}

static void
set_ports(const char *text)
{
	const char *end = text + strlen(text), *dash = strchr(text, '-');

	all.first = to_number(text, dash ? dash : end, MOST_PORTS);
	all.last = dash ? to_number(dash + 1, end, MOST_PORTS) : all.first;
	if (all.first == 0 || all.last < all.first)
		wrong("ports are FIRST-LAST, from 1 to 65535");
}

static const char *
arguments(int argc, char *argv[])
{
	int option;

	while ((option = getopt(argc, argv, "hp:t:w:")) != -1) {
		const char *end = optarg ? optarg + strlen(optarg) : NULL;

		if (option == 'h') {
			printf("%s", usage_text);
			exit(0);
		} else if (option == 'p') {
			set_ports(optarg);
		} else if (option == 't') {
			all.threads = to_number(optarg, end, MOST_THREADS);
		} else if (option == 'w') {
			all.timeout_ms = to_number(optarg, end, 3600000);
		} else {
			wrong("no such option");
		}
	}
	if (all.threads == 0 || all.timeout_ms == 0 || argc - optind > 1)
		wrong("arguments that are none");
	return optind < argc ? argv[optind] : NULL;
}

int
main(int argc, char *argv[])
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct sigaction action = {.sa_handler = note_interrupt};
	const char *host = arguments(argc, argv);
	char *line = NULL, name[64];
	size_t size = 0;
	struct timespec begin, end;
	int error, open = 0, closed = 0;

	if (host == NULL) {
		dprintf(STDERR_FILENO, "\033[1mHost\033[0m: ");
		if (getline(&line, &size, stdin) > 0)
			host = strtok(line, " \t\r\n");
		if (host == NULL)
			host = "localhost";
	}
	error = getaddrinfo(host, NULL, &hints, &all.host);
	if (error != 0) {
		fprintf(stderr, "scanner: %s: %s\n", host, gai_strerror(error));
		return 1;
	}
	getnameinfo(all.host->ai_addr, all.host->ai_addrlen, name, sizeof(name),
	    NULL, 0, NI_NUMERICHOST);
	sigaction(SIGINT, &action, NULL);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	run();
	clock_gettime(CLOCK_MONOTONIC, &end);
	for (int port = all.first; port <= all.last; port++) {
		open += all.found[port] == 'o';
		closed += all.found[port] == 'c';
	}
	show_nothing_more();
	dprintf(STDERR_FILENO,
	    "scanned %d ports of %s (%s) in %.3f s: %d open, %d closed, "
	    "%d filtered\n",
	    all.last - all.first + 1, host, name,
	    (double)(end.tv_sec - begin.tv_sec) +
		(double)(end.tv_nsec - begin.tv_nsec) / 1e9,
	    open, closed, all.last - all.first + 1 - open - closed);
	freeaddrinfo(all.host);
	free(line);
	return 0;
}
