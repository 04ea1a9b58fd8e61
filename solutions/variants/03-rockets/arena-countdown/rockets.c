/*
 * Rockets by another way: detached threads on stacks cut from one mapping, a
 * counter of those under way, and one more thread that writes the lines of all
 * of them by write(2). The plan is no sequence: what a rocket does is computed
 * from the seed and its number, in the thread that needs it.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { STACK_BYTES = 32768, LINE_BYTES = 80, TEXT_BYTES = 1 << 16 };

/* What one rocket does. */
struct flight {
	int delay; /* in thousandths of a tick */
	int countdown;
};

/* Set before the threads start. */
static uint32_t seed;
static int64_t tick_ms = 1000;
static bool verbose;
static int64_t launch_ns;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_landed = PTHREAD_COND_INITIALIZER;
static int under_way; /* guarded by lock */

static pthread_mutex_t desk = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
/* Guarded by desk: lines that wait for the printer, and whether it is there. */
static char *waiting;
static size_t waiting_size, waiting_room;
static bool printing;

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* A number that looks random, made of another: splitmix64's last steps. */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

static struct flight
flight_of(int number)
{
	uint64_t chance = mix(mix(seed) ^ (uint64_t)number);

	return (struct flight){
	    (int)((chance & 0xffffffff) % 5000), (int)((chance >> 32) % 5)};
}

static void
write_all(const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		text += n;
		size -= (size_t)n;
	}
}

/* Hands a line to the printer; false where there is none, or no memory. */
static bool
hand_over(const char *line, size_t size)
{
	bool taken;

	pthread_mutex_lock(&desk);
	if (printing && waiting_size + size > waiting_room) {
		char *more = realloc(waiting, 2 * waiting_room + TEXT_BYTES);

		if (more) {
			waiting = more;
			waiting_room = 2 * waiting_room + TEXT_BYTES;
		}
	}
	taken = printing && waiting_size + size <= waiting_room;
	if (taken) {
		memcpy(waiting + waiting_size, line, size);
		waiting_size += size;
		pthread_cond_signal(&news);
	}
	pthread_mutex_unlock(&desk);
	return taken;
}

/* The printer: takes all that waits, writes it, until it is told to stop. */
static void *
print(void *unused)
{
	pthread_mutex_lock(&desk);
	while (printing || waiting_size > 0) {
		char *text = waiting;
		size_t size = waiting_size;

		if (size == 0) {
			pthread_cond_wait(&news, &desk);
			continue;
		}
		waiting = NULL;
		waiting_size = waiting_room = 0;
		pthread_mutex_unlock(&desk);
		write_all(text, size);
		free(text);
		pthread_mutex_lock(&desk);
	}
	pthread_mutex_unlock(&desk);
	return unused;
}

static void
set_printing(bool on)
{
	pthread_mutex_lock(&desk);
	printing = on;
	pthread_cond_signal(&news);
	pthread_mutex_unlock(&desk);
}

static void
say(int number, const char *words)
{
	char line[LINE_BYTES];
	int n;

	if (verbose)
		n = snprintf(
		    line, sizeof line, "rocket %d: %s\n", number, words);
	else
		n = snprintf(line, sizeof line, "%s\n", words);
	if (!hand_over(line, (size_t)n))
		write_all(line, (size_t)n);
}

/* Sleeps what is left until an instant, again and again. */
static void
wait_for(int64_t instant_ns)
{
	int64_t left;

	while ((left = instant_ns - now_ns()) > 0) {
		struct timespec rest = {
		    (time_t)(left / 1000000000), (long)(left % 1000000000)};

		nanosleep(&rest, NULL);
	}
}

/* Flies a rocket whose delay begins at from_ns; returns when it landed. */
static int64_t
fly(int number, int64_t from_ns)
{
	struct flight flight = flight_of(number);
	int64_t instant = from_ns + flight.delay * tick_ms * 1000;
	char words[16];

	wait_for(instant);
	while (flight.countdown > 0) {
		snprintf(words, sizeof words, "%d...", flight.countdown--);
		say(number, words);
		instant += tick_ms * 1000000;
		wait_for(instant);
	}
	say(number, "Rocket launched!");
	return instant;
}

static void *
fly_alone(void *number)
{
	fly((int)(intptr_t)number, launch_ns);
	pthread_mutex_lock(&lock);
	if (--under_way == 0)
		pthread_cond_signal(&all_landed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Starts a detached thread on its part of the stacks; returns an error number. */
static int
start(int number, char *stacks)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstack(
	    &attr, stacks + (size_t)number * STACK_BYTES, STACK_BYTES);
	pthread_mutex_lock(&lock);
	under_way++;
	pthread_mutex_unlock(&lock);
	err =
	    pthread_create(&thread, &attr, fly_alone, (void *)(intptr_t)number);
	pthread_attr_destroy(&attr);
	if (err) {
		pthread_mutex_lock(&lock);
		under_way--;
		pthread_mutex_unlock(&lock);
	}
	return err;
}

static int
launch_all(int count)
{
	size_t bytes = (size_t)count * STACK_BYTES;
	int started = 0, err = 0;
	bool has_printer;
	pthread_t printer;
	char *stacks;

	if (count == 0)
		return 0;
	/* Never given back: a thread that has counted itself out still ends. */
	stacks = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stacks == MAP_FAILED) {
		perror("rockets: stacks");
		return 0;
	}
	set_printing(true);
	has_printer = pthread_create(&printer, NULL, print, NULL) == 0;
	if (!has_printer)
		set_printing(false);
	while (started < count && (err = start(started, stacks)) == 0)
		started++;
	if (err)
		fprintf(stderr, "rockets: a thread: %s; %d were started\n",
		    strerror(err), started);
	pthread_mutex_lock(&lock);
	while (under_way > 0)
		pthread_cond_wait(&all_landed, &lock);
	pthread_mutex_unlock(&lock);
	if (has_printer) {
		set_printing(false);
		pthread_join(printer, NULL);
	}
	free(waiting);
	waiting = NULL;
	return started;
}

static int
launch_in_turn(int count)
{
	int64_t instant = launch_ns;

	for (int i = 0; i < count; i++)
		instant = fly(i, instant);
	return count;
}

/* Prints the plan, many lines by one call; returns its sum in seconds. */
static double
plan(int count)
{
	static char text[TEXT_BYTES];
	size_t size = 0;
	int64_t sum = 0;

	for (int i = 0; i < count; i++) {
		struct flight flight = flight_of(i);

		sum += flight.delay + 1000 * flight.countdown;
		if (!verbose)
			continue;
		size += (size_t)snprintf(text + size, LINE_BYTES,
		    "rocket %d: delay %d.%03d countdown %d\n", i,
		    flight.delay / 1000, flight.delay % 1000, flight.countdown);
		if (size > TEXT_BYTES - LINE_BYTES || i == count - 1) {
			write_all(text, size);
			size = 0;
		}
	}
	return (double)(sum * tick_ms) / 1e6;
}

static _Noreturn void
usage(FILE *stream, int status)
{
	fprintf(stream,
	    "usage: rockets [-n COUNT] "
	    "[-m sequential|threads|objects] [-s SEED] "
	    "[-t TICK_MS] [-v]\n");
	exit(status);
}

static long
number(const char *text, long min, long max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max) {
		fprintf(stderr, "rockets: bad number '%s'\n", text);
		usage(stderr, 2);
	}
	return value;
}

int
main(int argc, char *argv[])
{
	const char *mode = "threads";
	int count = 10000, launched, c;
	double sum;

	seed = (uint32_t)mix((uint64_t)time(NULL)) & 0x7fffffff;
	while ((c = getopt(argc, argv, "n:m:s:t:vh")) != -1) {
		if (c == 'n')
			count = (int)number(optarg, 0, 100000);
		else if (c == 'm')
			mode = optarg;
		else if (c == 's')
			seed = (uint32_t)number(optarg, 0, 2147483647);
		else if (c == 't')
			tick_ms = number(optarg, 1, 60000);
		else if (c == 'v')
			verbose = true;
		else
			usage(c == 'h' ? stdout : stderr, c == 'h' ? 0 : 2);
	}
	if (optind < argc ||
	    (strcmp(mode, "threads") && strcmp(mode, "objects") &&
		strcmp(mode, "sequential"))) {
		fprintf(stderr, "rockets: bad argument\n");
		usage(stderr, 2);
	}
	sum = plan(count);
	launch_ns = now_ns();
	launched = mode[0] == 's' ? launch_in_turn(count) : launch_all(count);
	if (launched < count)
		return 1;
	fprintf(stderr,
	    "launched %d rockets in %.1f s, one after another: "
	    "%.1f s\n",
	    launched, (double)(now_ns() - launch_ns) / 1e9, sum);
	return 0;
}
