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
	/* TODO 3: so far two threads may get the same port. Use the lock. */
	return scan.next <= scan.plan->last ? scan.next++ : 0;
}

/*
 * Records the state of a port. Wakes main only if that makes an open port
 * known, or the last one: not 65,535 times.
 */
static void
report(int port, enum port_state state)
{
	/*
	 * TODO 3: use the lock.
	 *
	 * TODO 4: so far an open port is printed by the worker that finds it,
	 * at once. Leave that to main: only move now.known on, as far as
	 * there is no gap, and wake main if it has something to do.
	 */
	scan.state[port] = state;
	scan.now.tried++;
	if (state == PORT_OPEN)
		show_port(port);
}

/*
 * Waits a while, because error kept the caller from trying a port. Returns
 * whether there is still a port that nobody has taken.
 */
static bool
wait_for_resources(int error)
{
	/*
	 * TODO 7: so far a worker that gets no socket gives up. Note the error
	 * for main, which tells the user, and wait RETRY_MS: without the lock.
	 */
	(void)error;
	return false;
}

/*
 * Tries a port and reports it. *fd is the caller's socket, or -1 if it has
 * none (yet), and stays its own. Returns false if no port is left to be taken.
 */
static bool
try_next_port(int *fd)
{
	/*
	 * TODO 2: have a socket (probe_open), take a port, probe it, report.
	 *
	 * TODO 7: what if there is no socket? What if the probe's result is
	 * PORT_UNKNOWN? The port that was taken must not be lost, and as few
	 * others as possible should have to wait for it.
	 */
	(void)fd;
	(void)take_port;
	(void)report;
	(void)wait_for_resources;
	return false;
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
	/*
	 * TODO 4: pthread_cond_timedwait(3) until time_after timeout_ms, in a
	 * loop that ends with ETIMEDOUT, or when there is news.
	 */
	(void)timeout_ms;
	(void)time_after;
	return scan.now;
}

/*
 * Waits for news, timeout_ms at most, and shows them: open ports below which
 * all are known, and how far the scan is. It doesn't hold the lock while it
 * prints, for a terminal may be slow. Returns false when all is shown.
 */
static bool
follow(int timeout_ms)
{
	/*
	 * TODO 4: await_news, then show_port the ports that are open, from
	 * scan.shown up to those not known; show_shortage, if there is one;
	 * show_progress, which does nothing yet.
	 */
	(void)timeout_ms;
	(void)await_news;
	return false;
}

/*
 * Starts as many workers as the plan says, but no more than there are ports.
 * If the system gives fewer threads, says so and goes on with those. Signals
 * are blocked in them: those are main's.
 */
static void
start_workers(void)
{
	/*
	 * TODO 3: pthread_create(3) threads that run worker_main, and count
	 * them. So far there are none, and main does their work.
	 */
	(void)worker_main;
}

/* Waits until all workers have ended. */
static void
join_workers(void)
{
	/* TODO 3: pthread_join(3) every thread that was started. */
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
