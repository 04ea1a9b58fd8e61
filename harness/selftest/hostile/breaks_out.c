/*
 * Asks for what no program of the labs needs: namespaces and sockets of other
 * families. Prints a line "got NAME" for each thing that it was given, and at
 * last that threads and sockets are to be had.
 */
#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { FAMILIES = 64, NEW_TIME = 0x80 };

static const int namespaces[] = {CLONE_NEWUSER, CLONE_NEWNET, CLONE_NEWNS,
    CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP, NEW_TIME};

static void *
thread_main(void *argument)
{
	return argument;
}

/* Asks for namespaces, in each of the ways that there are. */
static void
ask_for_namespaces(void)
{
	int count = sizeof(namespaces) / sizeof(namespaces[0]);
	char arguments[88] = {0}; /* of clone3(2): not even looked at */

	for (int i = 0; i < count; i++) {
		long child;

		if (unshare(namespaces[i]) == 0)
			fprintf(stderr, "got unshare %#x\n", namespaces[i]);
		if (namespaces[i] == NEW_TIME) /* a signal's number there */
			continue;
		child = syscall(SYS_clone, namespaces[i] | SIGCHLD, 0, 0, 0, 0);
		if (child == 0)
			_exit(0);
		if (child > 0)
			fprintf(stderr, "got clone %#x\n", namespaces[i]);
	}
	if (syscall(SYS_clone3, arguments, sizeof(arguments)) >= 0 ||
	    errno != ENOSYS)
		fprintf(stderr, "got clone3\n");
	if (setns(-1, 0) == 0 || errno != EPERM)
		fprintf(stderr, "got setns\n");
}

/* Asks for a socket of each family; a register's upper half hides nothing. */
static void
ask_for_sockets(void)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW};

	for (int i = 0; i < 2 * FAMILIES; i++) {
		long family = i % FAMILIES;
		long hidden = i < FAMILIES ? family : family | 1L << 40;
		int own = family == AF_UNIX || family == AF_INET ||
		    family == AF_INET6;

		for (int t = 0; t < 3 && !own; t++)
			if (syscall(SYS_socket, hidden, types[t], 0) >= 0 ||
			    errno != EAFNOSUPPORT)
				fprintf(stderr, "got family %ld\n", family);
	}
	if (syscall(SYS_io_uring_setup, 1, NULL) >= 0 || errno != ENOSYS)
		fprintf(stderr, "got io_uring\n");
}

/* Whether what the labs are about still works. */
static int
works(void)
{
	char *words[] = {"true", NULL};
	char *none[] = {NULL};
	pthread_t thread;
	pid_t child;
	int pair[2];

	return pthread_create(&thread, NULL, thread_main, NULL) == 0 &&
	    pthread_join(thread, NULL) == 0 &&
	    posix_spawnp(&child, "true", NULL, NULL, words, none) == 0 &&
	    waitpid(child, NULL, 0) == child &&
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
	    socket(AF_INET, SOCK_DGRAM, 0) >= 0 &&
	    socket(AF_INET6, SOCK_STREAM, 0) >= 0;
}

int
main(void)
{
	ask_for_namespaces();
	ask_for_sockets();
	fprintf(stderr, works() ? "all else works\n" : "something is missing\n");
	return 1;
}
