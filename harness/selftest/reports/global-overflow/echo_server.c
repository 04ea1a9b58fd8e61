/* A table with one client too many. */
#include <stdio.h>

#define CLIENTS_MAX 4

static int clients[CLIENTS_MAX];

static void
add_client(int i, int fd)
{
	clients[i] = fd;
}

int
main(void)
{
	for (int i = 0; i <= CLIENTS_MAX; i++)
		add_client(i, i + 3);
	printf("%d\n", clients[0]);
	return 0;
}
