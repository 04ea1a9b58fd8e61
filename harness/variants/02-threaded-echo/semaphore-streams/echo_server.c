/*
 * echo_server - a thread for each client; permits, a hash table and streams
 *
 *	echo_server [-a ADDRESS] [-p PORT] [-v]
 *
 * Main sits in a blocking accept. A thread of its own takes the signals with
 * sigwait and shuts the listening socket down, which ends that accept. Each
 * client holds one of PERMITS permits, a semaphore; main takes them all to
 * wait for the last one. Who is connected stands in a hash table under a
 * read-write lock. A client's answers go through a stdio stream on a second
 * descriptor, which is reserved before the client is accepted, so that one
 * who was accepted is never turned away for want of it.
 */

#define _POSIX_C_SOURCE 200809L

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PERMITS 1900
#define BUCKETS 127

struct session {
	int fd;    /* for reading */
	FILE *out; /* for writing, on a descriptor of its own */
	char peer[80];
	struct session *chain; /* table_lock */
};

static struct session *table[BUCKETS]; /* table_lock */
static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t permits;

/* Whether to stop; `end_changed` is for those who wait for it with a limit. */
static pthread_mutex_t end_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t end_changed = PTHREAD_COND_INITIALIZER;
static int end_wanted;

static const char *address = "127.0.0.1";
static long port = 9090;
static int verbose, listener;

static void
failure(const char *what)
{
	fprintf(stderr, "echo_server: %s: %s\n", what, strerror(errno));
}

/* -- stopping ------------------------------------------------------------ */

static int
stopping(void)
{
	int answer;

	pthread_mutex_lock(&end_lock);
	answer = end_wanted;
	pthread_mutex_unlock(&end_lock);
	return answer;
}

/* Waits at most ms milliseconds, or until the end is wanted. */
static void
pause_ms(long ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&end_lock);
	while (!end_wanted)
		if (pthread_cond_timedwait(&end_changed, &end_lock, &until))
			break;
	pthread_mutex_unlock(&end_lock);
}

static void *
signal_thread(void *set)
{
	int number;

	while (sigwait(set, &number) != 0)
		continue;
	pthread_mutex_lock(&end_lock);
	end_wanted = 1;
	pthread_cond_broadcast(&end_changed);
	pthread_mutex_unlock(&end_lock);
	shutdown(listener, SHUT_RDWR);
	sem_post(&permits); /* main may be waiting for one */
	return NULL;
}

/* -- sessions ------------------------------------------------------------ */

static void
table_add(struct session *session)
{
	struct session **bucket = &table[session->fd % BUCKETS];

	pthread_rwlock_wrlock(&table_lock);
	session->chain = *bucket;
	*bucket = session;
	pthread_rwlock_unlock(&table_lock);
}

static void
table_remove(const struct session *session)
{
	struct session **link = &table[session->fd % BUCKETS];

	pthread_rwlock_wrlock(&table_lock);
	while (*link != session)
		link = &(*link)->chain;
	*link = session->chain;
	pthread_rwlock_unlock(&table_lock);
}

static void
session_free(struct session *session)
{
	if (session->out != NULL)
		fclose(session->out);
	close(session->fd);
	free(session);
}

static void *
session_thread(void *pointer)
{
	struct session *session = pointer;
	char bytes[1500];
	ssize_t got;

	printf("client %s connected\n", session->peer);
	while ((got = read(session->fd, bytes, sizeof(bytes))) != 0) {
		size_t size = (size_t)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		if (verbose)
			printf("received %zu bytes from %s\n", size,
			    session->peer);
		if (fwrite(bytes, 1, size, session->out) < size ||
		    fflush(session->out) != 0)
			break;
		if (verbose)
			printf("sent %zu bytes to %s\n", size, session->peer);
	}
	printf("client %s disconnected\n", session->peer);
	table_remove(session);
	session_free(session);
	sem_post(&permits);
	return NULL;
}

/*
 * Starts a session on fd; spare is a second descriptor of the same socket.
 * Returns 0, or -1 with errno, and then nothing of it is left.
 */
static int
session_start(int fd, int spare, const char *peer)
{
	struct session *session = malloc(sizeof(*session));
	pthread_t thread;
	int error;

	if (session == NULL) {
		close(fd);
		close(spare);
		errno = ENOMEM;
		return -1;
	}
	session->fd = fd;
	snprintf(session->peer, sizeof(session->peer), "%s", peer);
	session->out = fdopen(spare, "w");
	if (session->out == NULL) {
		close(spare);
		session_free(session);
		errno = ENOMEM;
		return -1;
	}
	table_add(session);
	error = pthread_create(&thread, NULL, session_thread, session);
	if (error != 0) {
		table_remove(session);
		session_free(session);
		errno = error;
		return -1;
	}
	pthread_detach(thread);
	return 0;
}

/* -- accepting ----------------------------------------------------------- */

static void
format_peer(const struct sockaddr_storage *from, char text[80])
{
	char host[INET6_ADDRSTRLEN];

	if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)from;

		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		sprintf(text, "[%s]:%u", host, ntohs(v6->sin6_port));
	} else {
		const struct sockaddr_in *v4 = (const void *)from;

		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		sprintf(text, "%s:%u", host, ntohs(v4->sin_port));
	}
}

/* Whether nobody waits to be accepted. */
static int
queue_empty(void)
{
	struct pollfd queue = {.fd = listener, .events = POLLIN};

	return poll(&queue, 1, 0) == 0;
}

/*
 * Waits for a client. Returns its socket and a second descriptor of it in
 * *spare, or -1 at the end. A shortage is reported once, and lasts until
 * nobody waits any more.
 */
static int
next_client(int *spare, char peer[80])
{
	static int is_short;

	while (!stopping()) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		int fd = -1;

		if (is_short && queue_empty())
			is_short = 0;
		/* The listening socket keeps the number occupied for now. */
		*spare = dup(listener);
		if (*spare >= 0)
			fd = accept(listener, (struct sockaddr *)&from, &size);
		if (fd >= 0) {
			dup2(fd, *spare);
			format_peer(&from, peer);
			return fd;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			if (!is_short)
				failure("out of resources for clients");
			is_short = 1;
			pause_ms(70);
		}
		if (*spare >= 0)
			close(*spare);
	}
	return -1;
}

static void
accept_clients(void)
{
	char peer[80];
	int fd, spare;

	for (;;) {
		while (sem_wait(&permits) != 0)
			continue;
		fd = next_client(&spare, peer);
		if (fd < 0)
			break;
		if (session_start(fd, spare, peer) < 0) {
			failure("session");
			sem_post(&permits);
		}
	}
	sem_post(&permits);
}

static void
end_sessions(void)
{
	pthread_rwlock_rdlock(&table_lock);
	for (int i = 0; i < BUCKETS; i++)
		for (struct session *s = table[i]; s != NULL; s = s->chain)
			shutdown(s->fd, SHUT_RDWR);
	pthread_rwlock_unlock(&table_lock);

	/* One more was given by the thread that took the signal. */
	for (int i = 0; i < PERMITS + 1; i++)
		while (sem_wait(&permits) != 0)
			continue;
}

/* -- starting ------------------------------------------------------------ */

static int
listen_at(struct sockaddr_storage *at)
{
	struct sockaddr_in *v4 = (void *)at;
	struct sockaddr_in6 *v6 = (void *)at;
	socklen_t size = sizeof(*v4);
	int on = 1, fd;

	memset(at, 0, sizeof(*at));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((in_port_t)port);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((in_port_t)port);
		size = sizeof(*v6);
	} else {
		return -2;
	}
	fd = socket(at->ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)at, size) < 0 ||
	    listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, (struct sockaddr *)at, &size) < 0)
		return -1;
	return fd;
}

static void
wrong(const char *what, const char *word)
{
	fprintf(stderr,
	    "echo_server: %s '%s'\nusage: echo_server "
	    "[-a ADDRESS] [-p PORT] [-v]\n",
	    what, word);
	exit(2);
}

static void
read_options(int argc, char *argv[])
{
	char *end;
	int letter;

	while ((letter = getopt(argc, argv, "a:hp:v")) != -1) {
		if (letter == 'h') {
			printf("usage: echo_server [-a ADDRESS] [-p PORT] "
			       "[-v]\n");
			exit(0);
		}
		if (letter == '?')
			wrong("option", "");
		if (letter == 'v')
			verbose = 1;
		if (letter == 'a')
			address = optarg;
		if (letter == 'p') {
			errno = 0;
			port = strtol(optarg, &end, 10);
			if (optarg[0] < '0' || optarg[0] > '9' || *end ||
			    errno || port > 65535)
				wrong("port", optarg);
		}
	}
	if (optind < argc)
		wrong("operand", argv[optind]);
}

int
main(int argc, char *argv[])
{
	static sigset_t stop;
	struct sockaddr_storage at;
	pthread_t signals;
	char name[80];

	read_options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 1024);

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	sem_init(&permits, 0, PERMITS);

	listener = listen_at(&at);
	if (listener == -2)
		wrong("address", address);
	printf("server started\n");
	if (listener < 0) {
		snprintf(
		    name, sizeof(name), "listen on %.50s:%ld", address, port);
		failure(name);
		return 1;
	}
	format_peer(&at, name);
	printf("listening on %s\n", name);

	errno = pthread_create(&signals, NULL, signal_thread, &stop);
	if (errno != 0) {
		failure("thread for signals");
		return 1;
	}
	accept_clients();
	pthread_join(signals, NULL);
	end_sessions();
	close(listener);
	sem_destroy(&permits);
	printf("server stopped\n");
	return 0;
}
