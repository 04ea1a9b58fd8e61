/*
 * scanner - with connect(2) that blocks, and a time-out of the socket's own
 *
 * Main is one of the threads that scan, and the only one that draws the bar.
 * Who makes open ports known prints them, in Russian.
 */

#define _POSIX_C_SOURCE 200809L

#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { UNKNOWN, OPEN, CLOSED, FILTERED, PORTS = 65536, THREADS = 10000 };

static int first = 1, last = 65535, threads = 100, timeout_ms = 1000;
static struct sockaddr_storage target; /* set before the threads start */
static socklen_t target_size;

static atomic_int next_port;
static atomic_int done;         /* ports */
static atomic_int state[PORTS]; /* of each port */
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;
static int printed;                      /* guarded by printing */
static volatile sig_atomic_t bar_stands; /* guarded by printing */
static int on_one_terminal;

static const char erase[] = "\033[2K\r";

static void
usage(FILE *to, int status)
{
	fputs("usage: scanner [-p FIRST[-LAST]] [-t THREADS] [-w TIMEOUT_MS] "
	      "[HOST]\n",
	    to);
	exit(status);
}

/* Reads a number from 1 to most off *text, digits alone; or ends it all. */
static int
number(char **text, int most)
{
	char *start = *text;
	long value = 0;

	while (**text >= '0' && **text <= '9' && value <= most)
		value = value * 10 + *(*text)++ - '0';
	if (*text == start || value < 1 || value > most) {
		warnx("not a number from 1 to %d: '%s'", most, start);
		usage(stderr, 2);
	}
	return (int)value;
}

static void
no_tail(const char *text)
{
	if (*text != '\0') {
		warnx("too much: '%s'", text);
		usage(stderr, 2);
	}
}

static void
read_options(int argc, char *argv[])
{
	int option;

	while ((option = getopt(argc, argv, "p:t:w:h")) != -1) {
		if (option == 'h')
			usage(stdout, 0);
		if (option == '?')
			usage(stderr, 2);
		if (option == 'p') {
			first = last = number(&optarg, 65535);
			if (*optarg == '-') {
				optarg++;
				last = number(&optarg, 65535);
			}
		} else if (option == 't') {
			threads = number(&optarg, THREADS);
		} else {
			timeout_ms = number(&optarg, 3600000);
		}
		no_tail(optarg);
	}
	if (argc > optind + 1 || last < first) {
		warnx("one host, and ports that do not descend");
		usage(stderr, 2);
	}
}

static void
on_interrupt(int number_of_signal)
{
	(void)number_of_signal;
	if (bar_stands && write(STDERR_FILENO, erase, sizeof(erase) - 1) < 0)
		_exit(1);
	_exit(130);
}

static void
say(int port)
{
	if (on_one_terminal && bar_stands) {
		bar_stands = 0;
		fputs(erase, stderr);
	}
	printf("Порт %d открыт\n", port);
	fflush(stdout);
}

/* Prints what has become known, if nobody else is about to. */
static void
publish(void)
{
	pthread_mutex_lock(&printing);
	while (printed <= last && state[printed] != UNKNOWN) {
		if (state[printed] == OPEN)
			say(printed);
		printed++;
	}
	pthread_mutex_unlock(&printing);
}

/* Main's: draws the bar, at most ten times a second but for the last. */
static void
draw(void)
{
	static struct timespec before;
	struct timespec now;
	int ports = last - first + 1, ready = done;
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (now.tv_sec - before.tv_sec) * 1000 +
	    (now.tv_nsec - before.tv_nsec) / 1000000;
	if (!isatty(STDERR_FILENO) || (ready < ports && ms < 100))
		return;
	before = now;
	pthread_mutex_lock(&printing);
	bar_stands = 1;
	fprintf(stderr, "%s%d/%d (%d%%)%s", erase, ready, ports,
	    (int)((long)ready * 100 / ports), ready == ports ? "\n" : "");
	if (ready == ports)
		bar_stands = 0;
	pthread_mutex_unlock(&printing);
}

static int
talks_to_itself(int fd)
{
	struct sockaddr_storage a, b;
	socklen_t size_a = sizeof(a), size_b = sizeof(b);

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	return getsockname(fd, (struct sockaddr *)&a, &size_a) == 0 &&
	    getpeername(fd, (struct sockaddr *)&b, &size_b) == 0 &&
	    memcmp(&a, &b, sizeof(a)) == 0;
}

/* What a connect to this port comes to; UNKNOWN if it has to be repeated. */
static int
probe(int port)
{
	struct timeval patience = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	struct sockaddr_storage to = target;
	int fd = socket(to.ss_family, SOCK_STREAM, 0);
	int found = FILTERED;

	if (fd < 0)
		return UNKNOWN;
	if (to.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&to)->sin6_port =
		    htons((in_port_t)port);
	else
		((struct sockaddr_in *)&to)->sin_port = htons((in_port_t)port);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, target_size) == 0)
		found = talks_to_itself(fd) ? CLOSED : OPEN;
	else if (errno == ECONNREFUSED)
		found = CLOSED;
	else if (errno == EADDRNOTAVAIL || errno == EAGAIN || errno == EINTR ||
	    errno == ENOBUFS || errno == ENOMEM)
		found = UNKNOWN;
	close(fd);
	return found;
}

static void *
work(void *is_main)
{
	const struct timespec moment = {0, 5000000};
	int port, found;

	while ((port = atomic_fetch_add(&next_port, 1)) <= last) {
		while ((found = probe(port)) == UNKNOWN)
			nanosleep(&moment, NULL);
		state[port] = found;
		done++;
		if (found == OPEN || port == last || port % 16 == 0)
			publish();
		if (is_main != NULL)
			draw();
	}
	publish();
	return NULL;
}

/* Starts threads beside main, as many as there can be; returns how many. */
static int
start(pthread_t thread[])
{
	sigset_t interrupt;
	int count = 0;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigaddset(&interrupt, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
	while (count < threads - 1 && count <= last - first &&
	    pthread_create(&thread[count], NULL, work, NULL) == 0)
		count++;
	pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
	return count;
}

static void
find(const char *host, char name[INET6_ADDRSTRLEN])
{
	struct addrinfo hints, *found;
	int error;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	error = getaddrinfo(host, NULL, &hints, &found);
	if (error != 0)
		errx(1, "%s: %s", host, gai_strerror(error));
	memcpy(&target, found->ai_addr, found->ai_addrlen);
	target_size = found->ai_addrlen;
	getnameinfo(found->ai_addr, found->ai_addrlen, name, INET6_ADDRSTRLEN,
	    NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(found);
}

int
main(int argc, char *argv[])
{
	static pthread_t thread[THREADS];
	struct sigaction action;
	struct timespec a, b;
	char answer[256] = "", name[INET6_ADDRSTRLEN] = "";
	const char *host;
	int count, sums[4] = {0};

	read_options(argc, argv);
	host = argv[optind];
	if (host == NULL) {
		fprintf(stderr, "Which host?\n");
		if (scanf("%255[^\n]", answer) != 1)
			strcpy(answer, "localhost");
		host = answer;
	}
	find(host, name);
	on_one_terminal = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_interrupt;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	clock_gettime(CLOCK_MONOTONIC, &a);
	next_port = printed = first;
	count = start(thread);
	work(&count);
	while (done <= last - first) {
		draw();
		nanosleep(&(struct timespec){0, 20000000}, NULL);
	}
	for (int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	draw();
	clock_gettime(CLOCK_MONOTONIC, &b);
	for (int port = first; port <= last; port++)
		sums[state[port]]++;
	fprintf(stderr,
	    "scanned %d ports of %s (%s) in %.1f s: %d open, %d closed, "
	    "%d filtered\n",
	    last - first + 1, host, name,
	    (double)(b.tv_sec - a.tv_sec) +
		(double)(b.tv_nsec - a.tv_nsec) / 1e9,
	    sums[OPEN], sums[CLOSED], sums[FILTERED]);
	return 0;
}
