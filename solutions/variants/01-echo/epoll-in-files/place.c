#define _GNU_SOURCE

#include "place.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
show_usage(FILE *out, const char *program)
{
	fprintf(out, "%s [-a ADDRESS] [-p PORT]\n", program);
}

static _Noreturn void
complain(const char *program, const char *what)
{
	fprintf(stderr, "%s: wrong arguments: %s\n", program, what);
	show_usage(stderr, program);
	exit(2);
}

static bool
is_port(const char *text)
{
	unsigned long value = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9')
			return false;
		value = value * 10 + (unsigned long)(*c - '0');
		if (value > 0xffff)
			return false;
	}
	return *text != '\0';
}

const struct addrinfo *
place_from(int argc, char *argv[], const char *program)
{
	static struct addrinfo *place; /* so that it is never lost */
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	const char *address = "127.0.0.1", *port = "9090";

	opterr = 0;
	for (;;) {
		switch (getopt(argc, argv, "a:hp:")) {
		case 'a':
			address = optarg;
			continue;
		case 'p':
			port = optarg;
			continue;
		case 'h':
			show_usage(stdout, program);
			exit(0);
		case '?':
			complain(program, "-a and -p take a value, -h none");
		}
		break;
	}
	if (optind < argc)
		complain(program, "there are more than options");
	if (!is_port(port))
		complain(program, "-p takes a number from 0 to 65535");
	if (getaddrinfo(address, port, &hints, &place) != 0)
		complain(program, "-a takes an address of IPv4 or IPv6");
	return place;
}

const char *
place_name(const struct sockaddr *address, char text[PLACE_SIZE])
{
	char host[INET6_ADDRSTRLEN];

	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, PLACE_SIZE, "%s:%u", host, ntohs(in->sin_port));
	} else {
		const struct sockaddr_in6 *in = (const void *)address;

		inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
		snprintf(
		    text, PLACE_SIZE, "[%s]:%u", host, ntohs(in->sin6_port));
	}
	return text;
}
