/* What Linux offers beyond POSIX, used for what it is for. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static void *
serve_client(void *arg)
{
	cpu_set_t set;

	prctl(PR_SET_NAME, "client", 0, 0, 0);
	pthread_setname_np(pthread_self(), "client 1");
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	printf("thread %ld of %d, %d\n", syscall(SYS_gettid), (int)getpid(), CPU_COUNT(&set));
	return arg;
}

int
main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve_client, NULL) != 0)
		return 1;
	pthread_join(thread, NULL);
	return environ == NULL;
}
