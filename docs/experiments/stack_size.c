/*
 * stack_size - a thread's stack is as large as is asked for, if that is not
 * too little
 */

#define _GNU_SOURCE /* pthread_getattr_np */

#include <err.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *
print_own_size(void *unused)
{
	pthread_attr_t mine;
	size_t size;

	pthread_getattr_np(pthread_self(), &mine);
	pthread_attr_getstacksize(&mine, &size);
	pthread_attr_destroy(&mine);
	printf("my stack: %zu KiB\n", size / 1024);
	return unused;
}

int
main(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	pthread_attr_init(&attributes);
	error = pthread_attr_setstacksize(&attributes, 1024);
	printf("1 KiB: %s\n", strerror(error));
	error = pthread_attr_setstacksize(&attributes, 256 * 1024);
	printf("256 KiB: %s\n", strerror(error));
	if (pthread_create(&thread, &attributes, print_own_size, NULL) != 0)
		errx(1, "no thread");
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
	return 0;
}
