/*
 * rockets - counts down and launches thousands of rockets at the same time
 *
 *	rockets [-n COUNT] [-m sequential|threads|objects] [-s SEED]
 *	        [-t TICK_MS] [-v]
 *
 * A plan is drawn first: for each rocket a delay and a countdown. Then the
 * rockets are launched, one after another in the main thread, or each in a
 * thread of its own. In the mode "objects" a rocket owns its thread.
 *
 * No thread sleeps for a while: each sleeps until an instant of the monotonic
 * clock, and all are reckoned from one common launch. A thread that started
 * late or woke up late is late for that one line and in time for the next.
 *
 * The threads share nothing but what is set before they start, so there is no
 * lock, except the one that stdio has for standard output.
 */

#define _XOPEN_SOURCE 700 /* POSIX.1-2008 with its part XSI: erand48 */

#include "shortage.h"

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_COUNT = 100000,  /* of option -n */
	MAX_TICK_MS = 60000, /* of option -t */
	DELAYS = 5000,       /* thousandths of a tick, from 0 */
	COUNTDOWNS = 5,      /* ticks, from 0 */
	PREFIX_SIZE = 32,    /* room for "rocket NUMBER: " and its '\0' */
	STACK_SIZE = 65536,  /* bytes, much for what only sleeps and prints */
};

static const char usage[] =
    "usage: rockets [-n COUNT] [-m sequential|threads|objects] [-s SEED] "
    "[-t TICK_MS] [-v]\n";

/*
 * A rocket. Key to the fields here and to the variables below:
 *	(S) set before the threads start, only read after that
 *	(M) the main thread's alone
 */
struct rocket {
	int number;       /* (S) from 0, its place in the plan */
	int delay;        /* (S) thousandths of a tick until it is its turn */
	int countdown;    /* (S) ticks from its first line to its launch */
	pthread_t thread; /* (M) from rocket_start until rocket_join */
};

static int tick_ms = 1000;        /* (S) option -t */
static bool verbose;              /* (S) option -v: say which rocket it is */
static long long launch_us;       /* (S) the common launch, see now_us */
static pthread_attr_t attributes; /* (M) of every rocket's thread */

/* The time of the monotonic clock, which nobody sets, in microseconds. */
static long long
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Waits until instant_us, by the clock of now_us; not at all if it is past. */
static void
sleep_until(long long instant_us)
{
	struct timespec instant = {
	    .tv_sec = (time_t)(instant_us / 1000000),
	    .tv_nsec = (long)(instant_us % 1000000 * 1000),
	};
	int error;

	do
		error = clock_nanosleep(
		    CLOCK_MONOTONIC, TIMER_ABSTIME, &instant, NULL);
	while (error == EINTR);
}

/*
 * Counts a rocket down and launches it; its delay begins at from_us. Returns
 * the instant at which it was to be launched. Each line is printed by a single
 * call, or else the lines of other threads could get between its parts.
 */
static long long
rocket_fly(const struct rocket *rocket, long long from_us)
{
	long long next_us = from_us + (long long)rocket->delay * tick_ms;
	char prefix[PREFIX_SIZE] = "";

	if (verbose)
		snprintf(prefix, sizeof(prefix), "rocket %d: ", rocket->number);
	sleep_until(next_us);
	for (int n = rocket->countdown; n > 0; n--) {
		printf("%s%d...\n", prefix, n);
		next_us += 1000LL * tick_ms;
		sleep_until(next_us);
	}
	printf("%sRocket launched!\n", prefix);
	return next_us;
}

/*
 * Draws a plan of count rockets: delays below DELAYS, countdowns below
 * COUNTDOWNS, from 0 on and each value as likely as any other. The same
 * seed gives the same plan: the generator's state is here, so nobody else
 * draws from it. (The state of rand(3) belongs to the whole process.)
 */
static void
plan_draw(struct rocket rockets[], int count, int seed)
{
	unsigned short low = (unsigned short)seed;
	unsigned short high = (unsigned short)(seed >> 16);
	/* Twice, so that neighbouring seeds differ from the first draw on. */
	unsigned short state[3] = {low, low, high};

	for (int i = 0; i < count; i++) {
		rockets[i].number = i;
		rockets[i].delay = (int)(erand48(state) * DELAYS);
		rockets[i].countdown = (int)(erand48(state) * COUNTDOWNS);
	}
}

/* Prints a plan, a line for each rocket. */
static void
plan_print(const struct rocket rockets[], int count)
{
	for (int i = 0; i < count; i++)
		printf("rocket %d: delay %d.%03d countdown %d\n",
		    rockets[i].number, rockets[i].delay / 1000,
		    rockets[i].delay % 1000, rockets[i].countdown);
}

/* How long the first count rockets of a plan take one after another. */
static long long
plan_time_us(const struct rocket rockets[], int count)
{
	long long thousandths = 0; /* of a tick */

	for (int i = 0; i < count; i++)
		thousandths += rockets[i].delay + 1000 * rockets[i].countdown;
	return thousandths * tick_ms;
}

/*
 * Launches count rockets one after another in the thread that calls it: the
 * delay of each begins where the one before it was launched. Returns count.
 */
static int
launch_sequential(struct rocket rockets[], int count)
{
	long long from_us = launch_us;

	for (int i = 0; i < count; i++)
		from_us = rocket_fly(&rockets[i], from_us);
	return count;
}

/*
 * Makes the stacks of the rockets' threads STACK_SIZE bytes, or as large as
 * the system wants them at least; before any of them starts. By default each
 * takes as much of the address space as `ulimit -s` says, mostly 8 MiB.
 */
static void
choose_stack_size(void)
{
	long least = sysconf(_SC_THREAD_STACK_MIN);
	size_t size = least > STACK_SIZE ? (size_t)least : STACK_SIZE;
	int error = pthread_attr_setstacksize(&attributes, size);

	if (error != 0)
		errx(1, "stacks of %zu bytes: %s", size, strerror(error));
}

/*
 * Compares two rockets for qsort(3): negative if a has its turn before b. To
 * start thousands of threads takes a while. In the order of their turns, each
 * is there in time; and since they are joined in the same order, hardly any
 * is left to be joined when the last rocket has landed.
 */
static int
compare_turns(const void *a, const void *b)
{
	const struct rocket *left = a, *right = b;

	return left->delay - right->delay;
}

/*
 * Says that after the first started of count rockets no thread could be had,
 * because of error, which pthread_create(3) has returned, and which limit it
 * was that left no room for one more.
 */
static void
report_shortage(int started, int count, int error)
{
	char limit[SHORTAGE_SIZE];
	size_t stack_size;

	pthread_attr_getstacksize(&attributes, &stack_size);
	shortage_find(limit, stack_size);
	errno = error; /* where warn(3) looks for the reason */
	warn("start %d rockets: %d started, then %s stood in the way", count,
	    started, limit);
}

/* The life of a rocket's thread; argument is its struct rocket. */
static void *
rocket_run(void *argument)
{
	rocket_fly(argument, launch_us);
	return NULL;
}

/*
 * Launches count rockets, each in a thread of its own that is started with
 * attributes: starts all of them, then waits until all have ended. If a thread
 * can't be started, reports that and goes on with those that could. Returns
 * how many they were.
 */
static int
launch_threads(struct rocket rockets[], int count)
{
	pthread_t *threads = calloc((size_t)count, sizeof(*threads));
	int error = threads != NULL || count == 0 ? 0 : ENOMEM;
	int started = 0;

	while (error == 0 && started < count) {
		error = pthread_create(&threads[started], &attributes,
		    rocket_run, &rockets[started]);
		if (error == 0)
			started++;
	}
	if (error != 0)
		report_shortage(started, count, error);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	return started;
}

/*
 * Starts a rocket: it flies in a thread of its own, which is started with
 * attributes and must be joined by rocket_join. The rocket must stay where it
 * is until then. Returns 0, or pthread_create's error; then there is no thread.
 */
static int
rocket_start(struct rocket *rocket)
{
	return pthread_create(&rocket->thread, &attributes, rocket_run, rocket);
}

/* Waits until a rocket that was started has landed, and ends its thread. */
static void
rocket_join(struct rocket *rocket)
{
	pthread_join(rocket->thread, NULL);
}

/* Does what launch_threads does; a rocket's thread is the rocket's own. */
static int
launch_objects(struct rocket rockets[], int count)
{
	int started = 0;
	int error = 0;

	while (error == 0 && started < count) {
		error = rocket_start(&rockets[started]);
		if (error == 0)
			started++;
	}
	if (error != 0)
		report_shortage(started, count, error);
	for (int i = 0; i < started; i++)
		rocket_join(&rockets[i]);
	return started;
}

/* A way to launch rockets; launch returns how many it has launched. */
struct mode {
	const char *name;
	int (*launch)(struct rocket rockets[], int count);
	bool threaded;
};

static const struct mode modes[] = {
    {"threads", launch_threads, true}, /* the default */
    {"objects", launch_objects, true},
    {"sequential", launch_sequential, false},
};

/* Ends the program because its arguments are wrong. */
static _Noreturn void
exit_with_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

/*
 * The number from min to max that text is; if it is none, ends the program. A
 * number too large for strtol(3) becomes LONG_MAX, which is refused as well:
 * there is no need to look at errno.
 */
static int
parse_number(const char *what, const char *text, int min, int max)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (!isdigit((unsigned char)text[0]) || *end != '\0' || number < min ||
	    number > max) {
		warnx("%s '%s': not a number from %d to %d", what, text, min,
		    max);
		exit_with_usage();
	}
	return (int)number;
}

/* The mode that text names; if it names none, ends the program. */
static const struct mode *
parse_mode(const char *text)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, text) == 0)
			return &modes[i];
	warnx("mode '%s': not sequential, threads or objects", text);
	exit_with_usage();
}

/* A seed that is hardly ever the same twice. */
static int
random_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int)((now.tv_sec ^ now.tv_nsec ^ getpid()) & 0x7fffffff);
}

/* What the command line says, beside tick_ms and verbose. */
struct options {
	const struct mode *mode;
	int count;
	int seed;
};

/* Reads the command line into *options, tick_ms and verbose. */
static void
parse_arguments(int argc, char *argv[], struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "n:m:s:t:vh")) != -1) {
		switch (option) {
		case 'n':
			options->count =
			    parse_number("count", optarg, 0, MAX_COUNT);
			break;
		case 'm':
			options->mode = parse_mode(optarg);
			break;
		case 's':
			options->seed =
			    parse_number("seed", optarg, 0, 0x7fffffff);
			break;
		case 't':
			tick_ms = parse_number("tick", optarg, 1, MAX_TICK_MS);
			break;
		case 'v':
			verbose = true;
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
}

int
main(int argc, char *argv[])
{
	struct options options = {&modes[0], 10000, random_seed()};
	struct rocket *rockets;
	int launched;

	parse_arguments(argc, argv, &options);
	rockets = calloc((size_t)options.count, sizeof(*rockets));
	if (rockets == NULL && options.count > 0)
		err(1, "a plan of %d rockets", options.count);

	/* Whole lines, as soon as they are printed, into a pipe too. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	plan_draw(rockets, options.count, options.seed);
	if (verbose)
		plan_print(rockets, options.count);

	pthread_attr_init(&attributes);
	if (options.mode->threaded) {
		choose_stack_size();
		qsort(rockets, (size_t)options.count, sizeof(*rockets),
		    compare_turns);
	}
	launch_us = now_us();
	launched = options.mode->launch(rockets, options.count);
	fprintf(stderr,
	    "launched %d rockets in %.3f s, one after another: %.3f s\n",
	    launched, (double)(now_us() - launch_us) / 1e6,
	    (double)plan_time_us(rockets, launched) / 1e6);

	if (ferror(stdout))
		errx(1, "standard output: not every line could be written");
	pthread_attr_destroy(&attributes);
	free(rockets);
	return launched < options.count;
}
