/* main of the rockets behind a gate: the arguments, the plan, the summary. */
#define _DEFAULT_SOURCE

#include "control.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct control control = {10000, 0, 1000, 0, launch_together};

static void
plan(struct rocket *rockets)
{
	unsigned int state = (unsigned int)control.seed;

	rand_r(&state); /* the first ones of neighbouring seeds are alike */
	for (int i = 0; i < control.count; i++) {
		rockets[i].number = i;
		rockets[i].delay = rand_r(&state) % 5000;
		rockets[i].countdown = rand_r(&state) / 16 % 5;
	}
	for (int i = 0; control.verbose && i < control.count; i++)
		printf("rocket %d: delay %d.%03d countdown %d\n", i,
		    rockets[i].delay / 1000, rockets[i].delay % 1000,
		    rockets[i].countdown);
	fflush(stdout);
}

static int
parse(const char *text, int least, int most, int *value)
{
	long number;
	char rest;

	if (strlen(text) > 10 || text[0] < '0' || text[0] > '9')
		return -1;
	if (sscanf(text, "%ld%c", &number, &rest) != 1)
		return -1;
	*value = (int)number;
	return number >= least && number <= most ? 0 : -1;
}

static int
parse_mode(const char *name)
{
	if (strcmp(name, "sequential") == 0)
		control.launch = launch_in_order;
	else if (strcmp(name, "threads") == 0 || strcmp(name, "objects") == 0)
		control.launch = launch_together;
	else
		return -1;
	return 0;
}

static void
usage(FILE *stream)
{
	fputs("usage: rockets [-n COUNT] [-m sequential|threads|objects] "
	      "[-s SEED] [-t TICK_MS] [-v]\n",
	    stream);
}

static int
parse_all(int argc, char **argv)
{
	int option, bad = 0;

	while ((option = getopt(argc, argv, "n:m:s:t:vh")) != -1) {
		switch (option) {
		case 'n':
			bad |= parse(optarg, 0, 100000, &control.count);
			break;
		case 'm':
			bad |= parse_mode(optarg);
			break;
		case 's':
			bad |= parse(optarg, 0, INT_MAX, &control.seed);
			break;
		case 't':
			bad |= parse(optarg, 1, 60000, &control.tick_ms);
			break;
		case 'v':
			control.verbose = 1;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			bad = -1;
		}
	}
	return bad || optind < argc ? -1 : 0;
}

int
main(int argc, char **argv)
{
	struct rocket *rockets;
	long long thousandths = 0;
	int launched;

	if (getentropy(&control.seed, sizeof(control.seed)) != 0)
		control.seed = (int)time(NULL);
	control.seed &= INT_MAX;
	if (parse_all(argc, argv) != 0) {
		fputs("rockets: wrong arguments\n", stderr);
		usage(stderr);
		return 2;
	}
	rockets = malloc(((size_t)control.count + 1) * sizeof(*rockets));
	if (rockets == NULL) {
		perror("rockets: malloc");
		return 1;
	}
	plan(rockets);
	launched = control.launch(rockets);
	for (int i = 0; i < launched; i++)
		thousandths += rockets[i].delay + 1000 * rockets[i].countdown;
	fprintf(stderr,
	    "launched %d rockets in %.3f s, one after another: %.3f s\n",
	    launched, seconds_since_launch(),
	    (double)thousandths * control.tick_ms / 1e6);
	free(rockets);
	return launched == control.count ? 0 : 1;
}
