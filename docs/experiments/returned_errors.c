/*
 * returned_errors - pthread functions return the error, errno says nothing
 *
 * To join oneself is a mistake, of which glibc tells (pthread_join(3)); POSIX
 * does not promise that.
 */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

int
main(void)
{
	int result;

	errno = 0;
	result = pthread_join(pthread_self(), NULL); /* would wait for ever */

	printf("returned: %s\n", strerror(result));
	printf("errno: %s\n", strerror(errno));
	printf("less than 0: %s\n", result < 0 ? "yes" : "no");
	return 0;
}
