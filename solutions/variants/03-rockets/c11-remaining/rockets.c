/*
 * Rockets with C11's threads, which have no attributes: each has a stack of the
 * default size. Eight more threads start the rockets, each an eighth of them,
 * and join those; one that waits for signals is there in every mode. Sleeps are
 * relative, what is left until an instant. Lines go through the buffer of stdio
 * in pieces, under a mutex, and are flushed one by one.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define NS      1000000000LL
#define BATCHES 8

struct rocket {
	thrd_t thread;
	int number, delay, countdown;
};

static struct {
	int count, seed, tick_ms;
	bool verbose;
	const char *mode;
} options = {.count = 10000, .tick_ms = 1000, .mode = "threads"};

static long long launch_ns;
static mtx_t print_lock;
static atomic_int landed;

static long long
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

static void
rest_until(long long instant)
{
	long long left = instant - now();

	while (left > 0) {
		thrd_sleep(&(struct timespec){left / NS, left % NS}, NULL);
		left = instant - now();
	}
}

/* words: with room for one number. */
static void
print(const struct rocket *rocket, const char *words, int n)
{
	mtx_lock(&print_lock);
	if (options.verbose)
		printf("rocket %d: ", rocket->number);
	printf(words, n);
	putchar('\n');
	fflush(stdout);
	mtx_unlock(&print_lock);
}

static long long
fly(const struct rocket *rocket, long long from)
{
	long long tick = options.tick_ms * 1000000LL;
	long long end = from + rocket->delay * (tick / 1000);

	for (int n = rocket->countdown; n > 0; n--, end += tick) {
		rest_until(end);
		print(rocket, "%d...", n);
	}
	rest_until(end);
	print(rocket, "Rocket launched!", 0);
	atomic_fetch_add(&landed, 1);
	return end;
}

static int
thread_main(void *rocket)
{
	fly(rocket, launch_ns);
	return 0;
}

/* An eighth of the rockets, and the thread that starts and joins theirs. */
struct batch {
	thrd_t thread;
	struct rocket *rockets;
	int count, started;
};

static int
batch_main(void *argument)
{
	struct batch *batch = argument;
	struct rocket *rockets = batch->rockets;

	while (batch->started < batch->count &&
	    thrd_create(&rockets[batch->started].thread, thread_main,
		&rockets[batch->started]) == thrd_success)
		batch->started++;
	for (int i = 0; i < batch->started; i++)
		thrd_join(rockets[i].thread, NULL);
	return 0;
}

static void
start(struct rocket *rockets)
{
	struct batch batches[BATCHES];
	int made = 0, first = 0, started = 0;

	for (; made < BATCHES; made++) {
		struct batch *batch = &batches[made];

		*batch = (struct batch){.rockets = &rockets[first]};
		batch->count = options.count * (made + 1) / BATCHES - first;
		first += batch->count;
		if (thrd_create(&batch->thread, batch_main, batch) !=
		    thrd_success)
			break;
	}
	while (made > 0) {
		thrd_join(batches[--made].thread, NULL);
		started += batches[made].started;
	}
	if (started < options.count)
		fprintf(stderr, "rockets: no more threads: only %d rockets\n",
		    started);
}

/* Ends the program when it is asked to; endings: blocked in all threads. */
static int
signals_main(void *endings)
{
	int number;

	sigwait(endings, &number);
	_exit(0);
}

static void
start_signals(void)
{
	static sigset_t endings;
	thrd_t thread;

	sigemptyset(&endings);
	sigaddset(&endings, SIGINT);
	sigaddset(&endings, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &endings, NULL);
	if (thrd_create(&thread, signals_main, &endings) == thrd_success)
		thrd_detach(thread);
	else
		pthread_sigmask(SIG_UNBLOCK, &endings, NULL);
}

/* The next of a row of numbers that look random: Marsaglia's xorshift. */
static unsigned
next(unsigned *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Returns the sum over the plan, in thousandths of a tick. */
static long long
draw(struct rocket *rockets)
{
	unsigned state = (unsigned)options.seed * 2654435761u ^ 0x5bd1e995u;
	long long sum = 0;

	if (state == 0)
		state = 1;
	for (int i = 0; i < 20; i++)
		next(&state);
	for (int i = 0; i < options.count; i++) {
		struct rocket *r = &rockets[i];

		r->number = i;
		r->delay = (int)(next(&state) % 5000);
		r->countdown = (int)(next(&state) / 7 % 5);
		sum += r->delay + r->countdown * 1000;
		if (options.verbose)
			printf("rocket %d: delay %.3f countdown %d\n", i,
			    r->delay / 1000.0, r->countdown);
	}
	fflush(stdout);
	return sum;
}

static int
wrong(const char *what)
{
	fprintf(stderr,
	    "rockets: %s\n"
	    "usage: rockets -n COUNT -m MODE -s SEED -t TICK_MS -v\n",
	    what);
	return 2;
}

static bool
number(const char *text, long least, long most, int *value)
{
	char *end;
	long read = strtol(text, &end, 10);

	*value = (int)read;
	return end > text && *end == '\0' && read >= least && read <= most;
}

int
main(int argc, char **argv)
{
	struct rocket *rockets;
	long long sum;
	int c;

	options.seed = (int)((now() ^ time(NULL)) & 0x7fffffff);
	while ((c = getopt(argc, argv, "n:m:s:t:vh")) != -1) {
		if (c == 'h') {
			puts("usage: rockets -n COUNT -m MODE -s SEED "
			     "-t TICK_MS -v");
			return 0;
		}
		if (c == '?')
			return wrong("unknown option, or a value is missing");
		if (c == 'v')
			options.verbose = true;
		else if (c == 'm')
			options.mode = optarg;
		else if (c == 'n' && !number(optarg, 0, 100000, &options.count))
			return wrong("COUNT is wrong");
		else if (c == 's' &&
		    !number(optarg, 0, 2147483647, &options.seed))
			return wrong("SEED is wrong");
		else if (c == 't' &&
		    !number(optarg, 1, 60000, &options.tick_ms))
			return wrong("TICK_MS is wrong");
	}
	if (optind != argc)
		return wrong("too many arguments");
	if (strcmp(options.mode, "sequential") != 0 &&
	    strcmp(options.mode, "threads") != 0 &&
	    strcmp(options.mode, "objects") != 0)
		return wrong("MODE is wrong");

	rockets = calloc((size_t)options.count + 1, sizeof *rockets);
	if (!rockets || mtx_init(&print_lock, mtx_plain) != thrd_success)
		return 1;
	start_signals();
	sum = draw(rockets);
	launch_ns = now();
	if (strcmp(options.mode, "sequential") == 0) {
		long long instant = launch_ns;

		for (int i = 0; i < options.count; i++)
			instant = fly(&rockets[i], instant);
	} else {
		start(rockets);
	}
	fprintf(stderr,
	    "launched %d rockets in %.2f s, one after another: %.2f s\n",
	    landed, (double)(now() - launch_ns) / 1e9,
	    (double)sum * options.tick_ms / 1e6);
	free(rockets);
	return landed == options.count ? 0 : 1;
}
