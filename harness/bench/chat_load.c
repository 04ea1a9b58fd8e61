/*
 * chat_load - how many messages a chat server delivers, and how soon
 *
 *	chat_load DIALECT PORT USERS SENDERS OUTSTANDING SECONDS [SILENT]
 *
 * DIALECT is "chat" for lab 05's protocol or "irc". USERS users log in to one
 * room on loopback; SENDERS of them have OUTSTANDING messages each under way:
 * as soon as the last user has got one of them, its sender says the next; what
 * a sender has to say after one read of that user's goes out in one write. With
 * SILENT, that many more users log in and never read.
 *
 * Prints, in one line: deliveries a second, and the median and the 99th
 * percentile of the time from a message's sending to a delivery, in ms.
 * "ready" on stderr says that all are logged in. One thread with epoll(7).
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BUFFER = 256 * 1024, /* bytes read at once, at most */
	LINE = 1024,         /* bytes in a line, at most */
	TO_SAY = 64 * 1024,  /* bytes that a sender says at once, at most */
	EVENTS = 256,        /* sockets in one look */
	SAMPLE = 16,         /* one delivery in so many is timed, at least */
	MOST_SAMPLES = 10 * 1000 * 1000,
};

struct user {
	int fd;
	size_t have;     /* bytes of a line that is not yet whole */
	char part[LINE]; /* they */
	char *to_say;    /* a sender's lines that are not sent yet */
	size_t saying;   /* bytes of them */
};

static bool irc;
static int users, senders;
static struct user *all; /* users of them, then the silent ones */
static long deliveries;
static double *samples; /* seconds */
static size_t sample_count;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sends a text, all of it; the sockets block until all are logged in. */
static void
send_text(int fd, const char *text)
{
	size_t size = strlen(text);

	if (write(fd, text, size) != (ssize_t)size)
		err(1, "write");
}

/* Reads until one of two words has come. */
static void
await(int fd, const char *one, const char *other)
{
	static char buffer[BUFFER];
	size_t have = 0;

	while (memmem(buffer, have, one, strlen(one)) == NULL &&
	    memmem(buffer, have, other, strlen(other)) == NULL) {
		ssize_t n = read(fd, buffer + have, sizeof(buffer) - have);

		if (n <= 0)
			err(1, "no answer to a login, after '%.*s'", (int)have,
			    buffer);
		have += (size_t)n;
	}
}

/* Connects a user and logs it in. */
static void
enter(struct user *user, int port, int number)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons((unsigned short)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	char text[LINE];

	user->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (user->fd < 0 ||
	    connect(user->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err(1, "connect");
	if (irc) {
		snprintf(text, sizeof(text), "NICK u%d\r\nUSER u 0 * :u\r\n",
		    number);
		send_text(user->fd, text);
		await(user->fd, " 376 ", " 422 "); /* the greeting's end */
		send_text(user->fd, "JOIN #room\r\n");
		await(user->fd, " 366 ", " 366 "); /* the list's end */
	} else {
		snprintf(text, sizeof(text), "REGISTER u%d secret\n", number);
		send_text(user->fd, text);
		await(user->fd, "OK END\n", "ERR ");
	}
}

/* A sender is to say when it is, and who it is. */
static void
say(int sender)
{
	struct user *user = &all[sender];
	size_t room = TO_SAY - user->saying;
	int size = snprintf(user->to_say + user->saying, room,
	    "%s@@%.9f %d the quick brown fox jumps over the lazy dog\r\n",
	    irc ? "PRIVMSG #room :" : "SAY ", now(), sender);

	if ((size_t)size >= room)
		errx(1, "too much to say at once");
	user->saying += (size_t)size;
}

/* Sends what the senders are to say, each its lines in one call. */
static void
say_all(void)
{
	for (struct user *user = all; user < all + senders; user++) {
		ssize_t size = (ssize_t)user->saying;

		if (size > 0 &&
		    write(user->fd, user->to_say, user->saying) != size)
			err(1, "a sender's socket is full");
		user->saying = 0;
	}
}

/* Takes a line that was received by a user: does it deliver a message? */
static void
take_line(int user, const char *line, size_t size, double at)
{
	const char *mark;
	double sent;
	char *end;

	if (irc ? memmem(line, size, " PRIVMSG ", 9) == NULL : line[0] != 'M')
		return;
	/* Most are only counted, or this program is slower than the server. */
	if (++deliveries % SAMPLE != 0 && user != users - 1)
		return;
	mark = memmem(line, size, "@@", 2);
	if (mark == NULL)
		errx(1, "a message was changed: '%.*s'", (int)size, line);
	sent = strtod(mark + 2, &end);
	if (sample_count < MOST_SAMPLES)
		samples[sample_count++] = at - sent;
	if (user == users - 1)
		say((int)strtol(end, NULL, 10));
}

/* Reads what has come for a user and takes its lines. */
static void
receive(int number)
{
	static char buffer[BUFFER + LINE];
	struct user *user = &all[number];
	char *line = buffer, *end;
	ssize_t n;

	memcpy(buffer, user->part, user->have);
	n = read(user->fd, buffer + user->have, BUFFER);
	if (n <= 0)
		err(1, "user %d was disconnected", number);
	n += (ssize_t)user->have;
	for (double at = now();
	     (end = memchr(line, '\n', (size_t)n)) != NULL;) {
		size_t size = (size_t)(end + 1 - line);

		take_line(number, line, size, at);
		line += size;
		n -= (ssize_t)size;
	}
	if (n > LINE)
		errx(1, "a line is too long");
	user->have = (size_t)n;
	memcpy(user->part, line, user->have);
	if (number == users - 1)
		say_all();
}

/* Says and receives for so many seconds; returns how many it were. */
static double
talk(int outstanding, double seconds)
{
	struct epoll_event events[EVENTS];
	int poll = epoll_create1(0);
	double began;

	for (int i = 0; i < users; i++) {
		struct epoll_event event = {EPOLLIN, {.u32 = (uint32_t)i}};

		epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event);
	}
	began = now();
	for (int i = 0; i < senders * outstanding; i++)
		say(i % senders);
	say_all();
	while (now() < began + seconds) {
		int ready = epoll_wait(poll, events, EVENTS, 100);

		for (int i = 0; i < ready; i++)
			receive((int)events[i].data.u32);
	}
	return now() - began;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char *argv[])
{
	int silent, port;
	double took;

	if (argc < 7)
		errx(2,
		    "usage: chat_load DIALECT PORT USERS SENDERS "
		    "OUTSTANDING SECONDS [SILENT]");
	irc = strcmp(argv[1], "irc") == 0;
	port = atoi(argv[2]);
	users = atoi(argv[3]);
	senders = atoi(argv[4]);
	silent = argc > 7 ? atoi(argv[7]) : 0;
	all = calloc((size_t)(users + silent), sizeof(*all));
	samples = malloc(MOST_SAMPLES * sizeof(*samples));
	if (all == NULL || samples == NULL || users <= senders || senders < 1)
		errx(1, "no memory, or too few users");

	for (int i = 0; i < users + silent; i++)
		enter(&all[i], port, i);
	for (int i = 0; i < senders; i++)
		if ((all[i].to_say = malloc(TO_SAY)) == NULL)
			err(1, "malloc");
	fprintf(stderr, "ready\n");
	took = talk(atoi(argv[5]), atof(argv[6]));
	if (sample_count == 0)
		errx(1, "nothing was delivered");
	qsort(samples, sample_count, sizeof(*samples), compare);
	printf("%.0f %.2f %.2f\n", (double)deliveries / took,
	    samples[sample_count / 2] * 1e3,
	    samples[sample_count * 99 / 100] * 1e3);
	return 0;
}
