/* A pointer to a variable of an inner block. */
#include <stdio.h>

int
main(void)
{
	int *volatile last = NULL;

	for (int i = 0; i < 3; i++) {
		int connfd = i;

		last = &connfd;
	}
	printf("%d\n", *last);
	return 0;
}
