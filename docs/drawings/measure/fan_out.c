/*
 * fan_out - what a lock held over send costs a room full of people
 *
 *	fan_out locked|queued ALL_READ|ONE_SILENT
 *
 * USERS users are connected over loopback, SENDERS threads say messages to all
 * of them, each with OUTSTANDING messages under way: as soon as the first user
 * has one of them, its sender says the next. In the last case one more user
 * never reads. The two designs:
 *
 *	locked	who says a message sends it to everybody, the room locked;
 *		send(2) blocks while a user's buffers are full
 *	queued	who says a message appends it to each user's queue, the room
 *		locked; one more thread sends what waits, the room unlocked,
 *		without blocking, and a queue over QUEUE bytes is given up
 *
 * Prints a line `DESIGN,CASE,tenth,T,N` for each tenth of a second: deliveries
 * to users who read; then `DESIGN,CASE,second,SECONDS,N`: deliveries a second
 * in the second half of the run, and `DESIGN,CASE,p99,SECONDS,MS`: the time
 * within which 99 of 100 messages of that half were delivered, 0 if there was
 * none. A measurement for a drawing, not a server to learn from.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	USERS = 50,
	SENDERS = 10,
	OUTSTANDING = 8,
	TENTHS = 40,        /* length of the run */
	BUFFER = 32 * 1024, /* of a socket, each way */
	QUEUE = 256 * 1024, /* bytes that may wait for a user */
	BATCH = 64 * 1024,  /* bytes sent at once */
	DELAYS =
	    100 * 1000, /* hundredths of a millisecond that are told apart */
};

struct message {
	double said;        /* when, in seconds */
	uint32_t sender;    /* whose */
	char text[64 - 12]; /* a line of a chat */
};

struct user {
	int fd, peer; /* the server's end, the person's end */
	bool gone;    /* given up */
	size_t waits; /* bytes in queue */
	char *queue;  /* only in the design "queued" */
	size_t begun; /* person's side: bytes of a message that is not whole */
	char part[sizeof(struct message)]; /* they */
};

static struct user users[USERS + 1]; /* the last one is the silent one */
static int user_count;
static pthread_mutex_t room = PTHREAD_MUTEX_INITIALIZER;
static bool queued;
static int wake; /* an eventfd: something waits in a queue */
static sem_t credits[SENDERS];
static double start;
static long tenths[TENTHS];  /* these three are the receiver's, main reads */
static long delays[DELAYS];  /* them when the receiver has ended */
static long late_deliveries; /* in the second half */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Connects two sockets over loopback, with small buffers. */
static void
connect_user(struct user *user, int listener)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int bytes = BUFFER;

	user->peer = socket(AF_INET, SOCK_STREAM, 0);
	if (user->peer < 0 || getsockname(listener, (void *)&address, &size) ||
	    setsockopt(
		user->peer, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) ||
	    connect(user->peer, (void *)&address, size) ||
	    (user->fd = accept(listener, NULL, NULL)) < 0 ||
	    setsockopt(user->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)))
		err(1, "connecting a user");
	user->queue = malloc(QUEUE);
	if (user->queue == NULL)
		err(1, "malloc");
}

static void
connect_users(void)
{
	struct sockaddr_in loopback = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 ||
	    bind(listener, (void *)&loopback, sizeof(loopback)) ||
	    listen(listener, USERS))
		err(1, "listening");
	for (int i = 0; i < user_count; i++)
		connect_user(&users[i], listener);
	close(listener);
}

/* Sends to everybody; the room is locked, and stays so if a send blocks. */
static void
send_to_all(const struct message *message)
{
	for (int i = 0; i < user_count; i++)
		if (send(users[i].fd, message, sizeof(*message), 0) < 0)
			err(1, "send");
}

/* Appends to everybody's queue; the room is locked. */
static void
queue_for_all(const struct message *message)
{
	uint64_t one = 1;

	for (int i = 0; i < user_count; i++) {
		struct user *user = &users[i];

		if (user->waits + sizeof(*message) > QUEUE) {
			user->gone = true;
			user->waits = 0;
			shutdown(user->fd, SHUT_RDWR);
		}
		if (user->gone)
			continue;
		memcpy(user->queue + user->waits, message, sizeof(*message));
		user->waits += sizeof(*message);
	}
	if (write(wake, &one, sizeof(one)) < 0)
		err(1, "write");
}

/* A thread that says one message after another. */
static void *
say(void *number)
{
	struct message message = {.sender = (uint32_t)(uintptr_t)number};

	for (;;) {
		sem_wait(&credits[message.sender]);
		message.said = now();
		pthread_mutex_lock(&room);
		if (queued)
			queue_for_all(&message);
		else
			send_to_all(&message);
		pthread_mutex_unlock(&room);
	}
	return NULL;
}

/* Sends what waits for a user; returns whether something has to go on waiting. */
static bool
send_queue(struct user *user)
{
	static char batch[BATCH]; /* the postman's alone */
	size_t size;
	ssize_t sent;
	bool left;

	pthread_mutex_lock(&room);
	if (user->waits == 0) {
		pthread_mutex_unlock(&room);
		return false;
	}
	size = user->waits < BATCH ? user->waits : BATCH;
	memcpy(batch, user->queue, size);
	pthread_mutex_unlock(&room);
	sent = send(user->fd, batch, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	pthread_mutex_lock(&room);
	if (sent < 0 && errno != EAGAIN && !user->gone)
		err(1, "send");
	if (sent > 0 && !user->gone) {
		user->waits -= (size_t)sent;
		memmove(user->queue, user->queue + sent, user->waits);
	}
	left = user->waits > 0 && !user->gone;
	pthread_mutex_unlock(&room);
	return left;
}

/* The thread that sends, in the design "queued". */
static void *
deliver(void *unused)
{
	struct pollfd waits[USERS + 2];

	(void)unused;
	for (;;) {
		uint64_t count;
		nfds_t n = 0;

		waits[n++] = (struct pollfd){.fd = wake, .events = POLLIN};
		for (int i = 0; i < user_count; i++)
			if (send_queue(&users[i]))
				waits[n++] = (struct pollfd){
				    .fd = users[i].fd, .events = POLLOUT};
		if (poll(waits, n, -1) < 0)
			err(1, "poll");
		if (waits[0].revents && read(wake, &count, sizeof(count)) < 0)
			err(1, "read");
	}
}

/* Notes that a message has reached a user. */
static void
note(const struct message *message, bool first_user)
{
	double t = now();
	int tenth = (int)((t - start) * 10);
	long delay = (long)((t - message->said) * 1e5);

	if (first_user)
		sem_post(&credits[message->sender]);
	if (tenth >= TENTHS)
		return;
	tenths[tenth]++;
	if (tenth >= TENTHS / 2) {
		late_deliveries++;
		delays[delay < DELAYS ? delay : DELAYS - 1]++;
	}
}

/* Reads what has come for a user, and notes each whole message. */
static void
receive(struct user *user)
{
	char buffer[BATCH];
	ssize_t got = read(user->peer, buffer, sizeof(buffer));
	struct message message;

	if (got < 0)
		err(1, "read");
	for (ssize_t i = 0; i < got; i++) {
		user->part[user->begun++] = buffer[i];
		if (user->begun == sizeof(message)) {
			memcpy(&message, user->part, sizeof(message));
			note(&message, user == users);
			user->begun = 0;
		}
	}
}

/* All users who read, in the main thread, until the run is over. */
static void
receive_all(void)
{
	struct epoll_event events[USERS];
	int epoll = epoll_create1(0);

	for (int i = 0; i < USERS; i++) {
		struct epoll_event event = {EPOLLIN, {.ptr = &users[i]}};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, users[i].peer, &event))
			err(1, "epoll_ctl");
	}
	while (now() < start + TENTHS / 10.0) {
		int n = epoll_wait(epoll, events, USERS, 10);

		for (int i = 0; i < n; i++)
			receive(events[i].data.ptr);
	}
}

/* The delay, in ms, that 99 of 100 deliveries kept within. */
static double
p99(void)
{
	long seen = 0;
	int i = 0;

	while (
	    i < DELAYS - 1 && (seen += delays[i]) * 100 < late_deliveries * 99)
		i++;
	return late_deliveries ? (i + 1) / 100.0 : 0;
}

static void
print(const char *name)
{
	double half = TENTHS / 20.0;

	for (int i = 0; i < TENTHS; i++)
		printf("%s,tenth,%.1f,%ld\n", name, i / 10.0, tenths[i]);
	printf("%s,second,%.1f,%.0f\n", name, half,
	    (double)late_deliveries / half);
	printf("%s,p99,%.1f,%.2f\n", name, half, p99());
}

static void
start_thread(void *(*body)(void *), int number)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, (void *)(uintptr_t)number))
		errx(1, "pthread_create");
	pthread_detach(thread);
}

int
main(int argc, char **argv)
{
	char name[64];

	if (argc != 3)
		errx(2, "usage: fan_out locked|queued ALL_READ|ONE_SILENT");
	queued = strcmp(argv[1], "queued") == 0;
	user_count = USERS + (strcmp(argv[2], "ONE_SILENT") == 0);
	snprintf(name, sizeof(name), "%s,%s", argv[1], argv[2]);
	connect_users();
	wake = eventfd(0, 0);
	start = now();
	for (int i = 0; i < SENDERS; i++) {
		sem_init(&credits[i], 0, OUTSTANDING);
		start_thread(say, i);
	}
	if (queued)
		start_thread(deliver, 0);
	receive_all();
	print(name);
	return 0;
}
