/*
 * scanner - worker i of n takes ports i, i + n, i + 2n …, each with epoll(7)
 *
 * A printer thread shows what becomes known, woken by a condition; a watcher
 * thread waits for signals with sigwait(3). Both do without the other.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define USAGE "usage: scanner [-p FIRST[-LAST]] [-t THREADS] [-w MS] [HOST]\n"

enum result { NONE, OPEN, SHUT, MUTE };

struct scan {
	int first, last, threads, patience_ms;
	struct sockaddr_storage address;
	socklen_t size;
	enum result *results; /* by port; guarded by lock */
	int done;             /* guarded by lock */
	int next;             /* first port that was not shown; by lock */
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_mutex_t screen; /* taken alone, or after nothing else */
	bool bar;               /* one stands on the screen; by screen */
	bool over;              /* nothing is drawn any more; by screen */
	sigset_t signals;
};

struct worker {
	struct scan *scan;
	pthread_t thread;
	int number;
	bool runs;
};

static int
whole(const char *text, int most)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < 1 ||
	    value > most) {
		fprintf(
		    stderr, "scanner: '%s': not 1 to %d\n" USAGE, text, most);
		exit(2);
	}
	return (int)value;
}

static void
ports(struct scan *scan, char *text)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash = '\0';
	scan->first = whole(text, 65535);
	scan->last = dash ? whole(dash + 1, 65535) : scan->first;
	if (scan->last < scan->first) {
		fputs("scanner: -p: the last port comes first\n" USAGE, stderr);
		exit(2);
	}
}

/* Waits for the end of a connect; its errno, or -1 if there was no answer. */
static int
outcome(int fd, int poller, int patience_ms)
{
	struct epoll_event event = {.events = EPOLLOUT};
	struct timespec now, end;
	int ready, error = 0;
	socklen_t size = sizeof(error);

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += patience_ms / 1000;
	end.tv_nsec += patience_ms % 1000 * 1000000L;
	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
		return ENOMEM;
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
		patience_ms = (int)((end.tv_sec - now.tv_sec) * 1000 +
		    (end.tv_nsec - now.tv_nsec + 999999) / 1000000);
		ready = epoll_wait(
		    poller, &event, 1, patience_ms > 0 ? patience_ms : 0);
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return -1;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static bool
is_oneself(int fd)
{
	struct sockaddr_storage ends[2];
	socklen_t sizes[2] = {sizeof(ends[0]), sizeof(ends[1])};

	memset(ends, 0, sizeof(ends));
	getsockname(fd, (struct sockaddr *)&ends[0], &sizes[0]);
	getpeername(fd, (struct sockaddr *)&ends[1], &sizes[1]);
	return !memcmp(&ends[0], &ends[1], sizeof(ends[0]));
}

/* Tries a port with two fresh descriptors; NONE if it could not be tried. */
static enum result
try_with(struct scan *scan, int port, int fd, int poller)
{
	struct sockaddr_storage to = scan->address;
	in_port_t order = htons((in_port_t)port);
	int error = 0;

	if (to.ss_family == AF_INET)
		((struct sockaddr_in *)&to)->sin_port = order;
	else
		((struct sockaddr_in6 *)&to)->sin6_port = order;
	if (connect(fd, (struct sockaddr *)&to, scan->size) < 0)
		error = errno;
	if (error == EINPROGRESS)
		error = outcome(fd, poller, scan->patience_ms);
	if (error == 0)
		return is_oneself(fd) ? SHUT : OPEN;
	if (error == ECONNREFUSED)
		return SHUT;
	if (error == EADDRNOTAVAIL || error == EAGAIN || error == ENOMEM ||
	    error == ENOBUFS)
		return NONE;
	return MUTE;
}

static enum result
try_port(struct scan *scan, int port)
{
	int fd =
	    socket(scan->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int poller = epoll_create1(0);
	enum result result = NONE;

	if (fd >= 0 && poller >= 0)
		result = try_with(scan, port, fd, poller);
	if (fd >= 0)
		close(fd);
	if (poller >= 0)
		close(poller);
	return result;
}

static void *
work(void *argument)
{
	struct worker *worker = argument;
	struct scan *scan = worker->scan;
	enum result result;

	for (int port = scan->first + worker->number; port <= scan->last;
	     port += scan->threads) {
		while (!(result = try_port(scan, port)))
			usleep((useconds_t)(5000 + 100 * worker->number));
		pthread_mutex_lock(&scan->lock);
		scan->results[port] = result;
		scan->done++;
		pthread_cond_signal(&scan->more);
		pthread_mutex_unlock(&scan->lock);
	}
	return NULL;
}

/* Under the lock `screen`. */
static void
wipe(struct scan *scan)
{
	if (scan->bar)
		fputs("\r\033[K", stderr);
	scan->bar = false;
}

static void
draw(struct scan *scan, int done)
{
	struct winsize window = {.ws_col = 80};
	int percent = (int)(100L * done / (scan->last - scan->first + 1));
	int room;
	char marks[] = "########################################";

	ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
	room = window.ws_col < 50 ? 10 : 40;
	marks[room * percent / 100] = '\0';
	pthread_mutex_lock(&scan->screen);
	if (!scan->over) {
		scan->bar = true;
		fprintf(stderr, "\r%3d%% |%-*s|", percent, room, marks);
		if (percent == 100) {
			fputc('\n', stderr);
			scan->bar = false;
		}
	}
	pthread_mutex_unlock(&scan->screen);
}

static void
say(struct scan *scan, int port)
{
	pthread_mutex_lock(&scan->screen);
	if (!scan->over) {
		if (isatty(STDOUT_FILENO))
			wipe(scan);
		printf("Port %d is open\n", port);
		fflush(stdout);
	}
	pthread_mutex_unlock(&scan->screen);
}

/* Waits for news, a quarter of a second at most. Under `lock`. */
static void
await_news(struct scan *scan)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += 250000000;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (scan->next <= scan->last && !scan->results[scan->next])
		if (pthread_cond_timedwait(&scan->more, &scan->lock, &end))
			break;
}

/* The printer: shows ports, and a bar four times a second. */
static void *
print(void *argument)
{
	struct scan *scan = argument;
	struct timespec now, before = {0, 0};
	int port = scan->first, done;

	while (port <= scan->last) {
		bool open = false;

		pthread_mutex_lock(&scan->lock);
		scan->next = port;
		await_news(scan);
		if (scan->results[port] != NONE)
			open = scan->results[port++] == OPEN;
		done = scan->done;
		pthread_mutex_unlock(&scan->lock);
		if (open)
			say(scan, port - 1);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (isatty(STDERR_FILENO) &&
		    (port > scan->last ||
			(now.tv_sec - before.tv_sec) * 1000 +
				(now.tv_nsec - before.tv_nsec) / 1000000 >=
			    250)) {
			draw(scan, done);
			before = now;
		}
	}
	return NULL;
}

/* The watcher: a signal ends the program, but not in the middle of a bar. */
static void *
watch(void *argument)
{
	struct scan *scan = argument;
	int number;

	sigwait(&scan->signals, &number);
	pthread_mutex_lock(&scan->screen);
	wipe(scan);
	scan->over = true;
	pthread_mutex_unlock(&scan->screen);
	signal(number, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, &scan->signals, NULL);
	raise(number);
	return NULL;
}

static void
start_watcher(struct scan *scan)
{
	pthread_t watcher;

	sigemptyset(&scan->signals);
	sigaddset(&scan->signals, SIGINT);
	sigaddset(&scan->signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &scan->signals, NULL);
	if (pthread_create(&watcher, NULL, watch, scan) == 0)
		pthread_detach(watcher);
	else
		pthread_sigmask(SIG_UNBLOCK, &scan->signals, NULL);
}

static void
run(struct scan *scan)
{
	struct worker *workers =
	    calloc((size_t)scan->threads, sizeof(*workers));
	pthread_t printer;
	bool prints;

	if (!workers)
		exit(1);
	prints = !pthread_create(&printer, NULL, print, scan);
	for (int i = 0; i < scan->threads; i++) {
		workers[i].scan = scan;
		workers[i].number = i;
		workers[i].runs = !pthread_create(
		    &workers[i].thread, NULL, work, &workers[i]);
	}
	for (int i = 0; i < scan->threads; i++)
		if (!workers[i].runs)
			work(&workers[i]);
	for (int i = 0; i < scan->threads; i++)
		if (workers[i].runs)
			pthread_join(workers[i].thread, NULL);
	if (prints)
		pthread_join(printer, NULL);
	else
		print(scan);
	free(workers);
}

static void
find(struct scan *scan, const char *host, char *name, size_t size)
{
	struct addrinfo *list, wanted = {.ai_socktype = SOCK_STREAM};
	int error = getaddrinfo(host, "1", &wanted, &list);

	if (error) {
		fprintf(stderr, "scanner: who is %s: %s\n", host,
		    gai_strerror(error));
		exit(1);
	}
	memcpy(&scan->address, list->ai_addr, list->ai_addrlen);
	scan->size = list->ai_addrlen;
	getnameinfo(list->ai_addr, list->ai_addrlen, name, (socklen_t)size,
	    NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(list);
}

static void
sum_up(const struct scan *scan, const char *host, const char *name, double took)
{
	int count[4] = {0};

	for (int port = scan->first; port <= scan->last; port++)
		count[scan->results[port]]++;
	fprintf(stderr,
	    "scanned %d ports of %s (%s) in %.2f s: %d open, %d closed, %d "
	    "filtered\n",
	    scan->last - scan->first + 1, host, name, took, count[OPEN],
	    count[SHUT], count[MUTE]);
}

int
main(int argc, char *argv[])
{
	static struct scan scan = {.first = 1,
	    .last = 65535,
	    .threads = 100,
	    .patience_ms = 1000,
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .more = PTHREAD_COND_INITIALIZER,
	    .screen = PTHREAD_MUTEX_INITIALIZER};
	struct timespec begin, end;
	char answer[1100], name[64];
	const char *host = NULL;
	int letter;

	while ((letter = getopt(argc, argv, "p:t:w:h")) != -1) {
		if (letter == 'p') {
			ports(&scan, optarg);
		} else if (letter == 't') {
			scan.threads = whole(optarg, 10000);
		} else if (letter == 'w') {
			scan.patience_ms = whole(optarg, 3600000);
		} else {
			fputs(USAGE, letter == 'h' ? stdout : stderr);
			return letter == 'h' ? 0 : 2;
		}
	}
	if (optind < argc - 1) {
		fputs("scanner: one host\n" USAGE, stderr);
		return 2;
	}
	host = argv[optind];
	if (!host) {
		fputs("host (localhost)? ", stderr);
		host = fgets(answer, sizeof(answer), stdin);
		answer[host ? strcspn(answer, "\n") : 0] = '\0';
		host = answer[0] ? answer : "localhost";
	}
	find(&scan, host, name, sizeof(name));
	scan.results = calloc(65536, sizeof(*scan.results));
	if (!scan.results)
		return 1;
	start_watcher(&scan);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	run(&scan);
	clock_gettime(CLOCK_MONOTONIC, &end);
	sum_up(&scan, host, name,
	    (double)(end.tv_sec - begin.tv_sec) +
		1e-9 * (double)(end.tv_nsec - begin.tv_nsec));
	free(scan.results);
	return 0;
}
