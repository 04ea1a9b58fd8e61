/*
 * scanner - finds the open TCP ports of a host
 *
 *	scanner [-p FIRST[-LAST]] [-t THREADS] [-w TIMEOUT_MS] [HOST]
 *
 * It tries to connect to each port, many at once, each in a thread of its
 * own (scan.c). An answer tells that a port is open or closed, silence that
 * something filters it (probe.c). Open ports go to standard output, in
 * order; a terminal also gets a progress bar (show.c).
 *
 * Scan your own machine, or one whose owner has agreed.
 */

#define _POSIX_C_SOURCE 200809L

#include "net.h"
#include "scan.h"
#include "show.h"

#include <ctype.h>
#include <err.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	HOST_SIZE = 1024, /* room for what a person answers, and its '\0' */
	TIMEOUT_MAX_MS = 3600000,
};

static const char usage[] = "usage: scanner [-p FIRST[-LAST]] [-t THREADS] "
			    "[-w TIMEOUT_MS] [HOST]\n";

/*
 * Asks on standard error which host to scan, and returns the answer, a line
 * of standard input, in memory that stays. An empty answer, or none at all,
 * means localhost.
 */
static const char *
ask_host(void)
{
	/*
	 * TODO 1: so far nobody is asked. Write a prompt to stderr and read a
	 * line of stdin; fgets(3) leaves its newline in it. What is returned
	 * must still be there afterwards: static, not on the stack.
	 */
	return "localhost";
}

/*
 * Writes the first address of host, a name or itself an address, to *target,
 * and as text to address. Returns 0, or an error for gai_strerror(3).
 */
static int
look_up(
    const char *host, struct net_address *target, char address[NET_NAME_SIZE])
{
	/*
	 * TODO 1: so far addresses are understood, but no names. getaddrinfo(3)
	 * knows both, and IPv6; getnameinfo(3) with NI_NUMERICHOST writes an
	 * address as text.
	 */
	if (net_parse(host, 0, target) < 0)
		return EAI_NONAME;
	snprintf(address, NET_NAME_SIZE, "%s", host);
	return 0;
}

/* Ends the program because its arguments are wrong. */
static _Noreturn void
exit_with_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

/*
 * The number, 1 to most, at the beginning of text and followed by the
 * character end; -1 if there is none. A number too large for strtol(3) becomes
 * LONG_MAX, which is refused as well: there is no need to look at errno.
 */
static int
parse_number(const char *text, char end, int most)
{
	char *after;
	long number = strtol(text, &after, 10);

	if (!isdigit((unsigned char)text[0]) || *after != end || number < 1 ||
	    number > most)
		return -1;
	return (int)number;
}

/* Reads FIRST-LAST, or FIRST alone, into the plan; false if text is neither. */
static bool
parse_ports(const char *text, struct scan_plan *plan)
{
	const char *dash = strchr(text, '-');

	plan->first = parse_number(text, dash ? '-' : '\0', SCAN_PORT_MAX);
	plan->last = plan->first;
	if (dash != NULL)
		plan->last = parse_number(dash + 1, '\0', SCAN_PORT_MAX);
	return plan->first > 0 && plan->first <= plan->last;
}

/* Reads the command line into *plan; returns the host, or NULL. */
static const char *
parse_arguments(int argc, char *argv[], struct scan_plan *plan)
{
	const char *ports = "1-65535";
	const char *threads = "100";
	const char *timeout = "1000";
	int option;

	while ((option = getopt(argc, argv, "p:t:w:h")) != -1) {
		switch (option) {
		case 'p':
			ports = optarg;
			break;
		case 't':
			threads = optarg;
			break;
		case 'w':
			timeout = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default: /* getopt has said what is wrong */
			exit_with_usage();
		}
	}
	if (optind + 1 < argc) {
		warnx("surplus operand '%s'", argv[optind + 1]);
		exit_with_usage();
	}
	if (!parse_ports(ports, plan)) {
		warnx("ports '%s': not FIRST-LAST, of 1 to %d", ports,
		    SCAN_PORT_MAX);
		exit_with_usage();
	}
	plan->threads = parse_number(threads, '\0', SCAN_THREADS_MAX);
	if (plan->threads < 0) {
		warnx("threads '%s': not a number from 1 to %d", threads,
		    SCAN_THREADS_MAX);
		exit_with_usage();
	}
	plan->timeout_ms = parse_number(timeout, '\0', TIMEOUT_MAX_MS);
	if (plan->timeout_ms < 0) {
		warnx("time-out '%s': not a number from 1 to %d", timeout,
		    TIMEOUT_MAX_MS);
		exit_with_usage();
	}
	return argv[optind]; /* NULL behind the last */
}

int
main(int argc, char *argv[])
{
	struct scan_plan plan;
	const char *host = parse_arguments(argc, argv, &plan);
	char address[NET_NAME_SIZE];
	int counts[PORT_STATES] = {0};
	struct timespec start, end;
	int error;

	if (host == NULL)
		host = ask_host();
	error = look_up(host, &plan.target, address);
	if (error != 0)
		errx(1, "look up %s: %s", host, gai_strerror(error));

	show_start();
	clock_gettime(CLOCK_MONOTONIC, &start);
	scan_run(&plan, counts);
	clock_gettime(CLOCK_MONOTONIC, &end);

	fprintf(stderr,
	    "scanned %d ports of %s (%s) in %.2f s: "
	    "%d open, %d closed, %d filtered\n",
	    plan.last - plan.first + 1, host, address,
	    (double)(end.tv_sec - start.tv_sec) +
		(double)(end.tv_nsec - start.tv_nsec) / 1e9,
	    counts[PORT_OPEN], counts[PORT_CLOSED], counts[PORT_FILTERED]);
	if (ferror(stdout))
		errx(1, "standard output: some lines could not be written");
	return 0;
}
