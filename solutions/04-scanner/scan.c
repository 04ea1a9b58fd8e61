/*
 * Each worker takes the lowest port that nobody has taken, tries it, and
 * reports what it found; so on until none is left. They end in any order, for
 * one port answers at once and another not at all. Their findings go into an
 * array by port number, and main shows the part of it that has no gap: thus
 * lines come in order, and each as early as it can.
 */

#define _POSIX_C_SOURCE 200809L

#include "scan.h"

#include "show.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_MS = 100, /* main waits at most so long for news */
	RETRY_MS = 20, /* between tries of a port when resources are short */
};

/* How far the scan is. */
struct progress {
	int tried;    /* ports, in any order */
	int known;    /* the first port that is not: all below it are */
	int shortage; /* errno of the first port that had to wait, or 0 */
};

/*
 * The scan. Key to the fields:
 *	(S) set before the threads start, only read after that
 *	(L) lock must be held
 *	(K) as (L); of ports below now.known it doesn't change any more, and
 *	    a thread that has read that number reads those without the lock
 *	(M) main's own
 */
static struct {
	const struct scan_plan *plan; /* (S) */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* there is news */
	int next;               /* (L) the first port that nobody has taken */
	bool news;              /* (L) an open port became known, or the last */
	struct progress now;    /* (L) */
	enum port_state state[SCAN_PORT_MAX + 1]; /* (K) */

	int shown;   /* (M) ports below it are shown, if open */
	int workers; /* (M) threads that were started */
	pthread_t worker[SCAN_THREADS_MAX]; /* (M) */
} scan = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Returns a port for the caller to try, or 0 if none is left. */
static int
take_port(void)
{
	int port = 0;

	pthread_mutex_lock(&scan.lock);
	if (scan.next <= scan.plan->last)
		port = scan.next++;
	pthread_mutex_unlock(&scan.lock);
	return port;
}

/*
 * Records the state of a port. Wakes main only if that makes an open port
 * known, or the last one: not 65,535 times.
 */
static void
report(int port, enum port_state state)
{
	pthread_mutex_lock(&scan.lock);
	scan.state[port] = state;
	scan.now.tried++;
	while (scan.now.known <= scan.plan->last &&
	    scan.state[scan.now.known] != PORT_UNKNOWN) {
		if (scan.state[scan.now.known] == PORT_OPEN ||
		    scan.now.known == scan.plan->last)
			scan.news = true;
		scan.now.known++;
	}
	if (scan.news)
		pthread_cond_signal(&scan.changed);
	pthread_mutex_unlock(&scan.lock);
}

/*
 * Waits a while, because error kept the caller from trying a port. Returns
 * whether there is still a port that nobody has taken.
 */
static bool
wait_for_resources(int error)
{
	bool left;

	pthread_mutex_lock(&scan.lock);
	if (scan.now.shortage == 0)
		scan.now.shortage = error;
	left = scan.next <= scan.plan->last;
	pthread_mutex_unlock(&scan.lock);
	poll(NULL, 0, RETRY_MS);
	return left;
}

/*
 * Tries a port and reports it. *fd is the caller's socket, or -1 if it has
 * none (yet), and stays its own. Returns false if no port is left to be taken.
 */
static bool
try_next_port(int *fd)
{
	const struct scan_plan *plan = scan.plan;
	enum port_state state;
	int port;

	/*
	 * The socket comes before the port: a thread that waits for a socket
	 * then keeps no port from those that have one, and they try them all.
	 */
	if (*fd < 0)
		*fd = probe_open(&plan->target);
	if (*fd < 0)
		return wait_for_resources(errno);
	port = take_port();
	if (port == 0)
		return false;
	for (;;) {
		state = probe_port(fd, &plan->target, port, plan->timeout_ms);
		if (state != PORT_UNKNOWN)
			break;
		wait_for_resources(errno);
	}
	report(port, state);
	return true;
}

/* The life of a worker. */
static void *
worker_main(void *unused)
{
	int fd = -1;

	(void)unused;
	while (try_next_port(&fd))
		;
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* The time in timeout_ms, by the clock of scan.changed, which nobody sets. */
static struct timespec
time_after(int timeout_ms)
{
	struct timespec instant;

	clock_gettime(CLOCK_MONOTONIC, &instant);
	instant.tv_nsec += timeout_ms * 1000000L;
	instant.tv_sec += instant.tv_nsec / 1000000000L;
	instant.tv_nsec %= 1000000000L;
	return instant;
}

/*
 * Waits until there is news, timeout_ms at most or not at all if that is 0,
 * and returns how far the scan is.
 */
static struct progress
await_news(int timeout_ms)
{
	struct timespec end = time_after(timeout_ms);
	struct progress now;
	int error = timeout_ms > 0 ? 0 : ETIMEDOUT;

	pthread_mutex_lock(&scan.lock);
	while (!scan.news && error == 0)
		error = pthread_cond_timedwait(&scan.changed, &scan.lock, &end);
	scan.news = false;
	now = scan.now;
	pthread_mutex_unlock(&scan.lock);
	return now;
}

/*
 * Waits for news, timeout_ms at most, and shows them: open ports below which
 * all are known, and how far the scan is. It doesn't hold the lock while it
 * prints, for a terminal may be slow. Returns false when all is shown.
 */
static bool
follow(int timeout_ms)
{
	struct progress now = await_news(timeout_ms);

	if (now.shortage != 0)
		show_shortage(now.shortage);
	for (; scan.shown < now.known; scan.shown++)
		if (scan.state[scan.shown] == PORT_OPEN)
			show_port(scan.shown);
	show_progress(now.tried, scan.plan->last - scan.plan->first + 1);
	return scan.shown <= scan.plan->last;
}

/*
 * Starts as many workers as the plan says, but no more than there are ports.
 * If the system gives fewer threads, says so and goes on with those. Signals
 * are blocked in them: those are main's.
 */
static void
start_workers(void)
{
	int ports = scan.plan->last - scan.plan->first + 1;
	int wanted = scan.plan->threads < ports ? scan.plan->threads : ports;
	sigset_t all, before;
	int error = 0;

	sigfillset(&all);
	/* A thread inherits the signal mask of the one that creates it. */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (scan.workers < wanted && error == 0) {
		error = pthread_create(
		    &scan.worker[scan.workers], NULL, worker_main, NULL);
		if (error == 0)
			scan.workers++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		errno = error; /* where warn(3) looks for the reason */
		warn("start thread %d of %d", scan.workers + 1, wanted);
	}
}

/* Waits until all workers have ended. */
static void
join_workers(void)
{
	for (int i = 0; i < scan.workers; i++)
		pthread_join(scan.worker[i], NULL);
}

/* Does the work of the workers where there are none. */
static void
scan_alone(void)
{
	int fd = -1;

	while (try_next_port(&fd))
		follow(0);
	if (fd >= 0)
		close(fd);
}

/* Makes scan.changed a condition that waits by CLOCK_MONOTONIC. */
static void
init_condition(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&scan.changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

void
scan_run(const struct scan_plan *plan, int counts[PORT_STATES])
{
	scan.plan = plan;
	scan.next = scan.now.known = scan.shown = plan->first;
	init_condition();

	start_workers();
	if (scan.workers == 0)
		scan_alone();
	else
		while (follow(TICK_MS))
			;
	join_workers();

	for (int port = plan->first; port <= plan->last; port++)
		counts[scan.state[port]]++;
}
