/* A client's record that nobody frees, and what hangs on it. */
#include <stdlib.h>
#include <string.h>

struct client {
	char *name;
	int fd;
};

static struct client *
client_new(int fd)
{
	struct client *c = malloc(sizeof(*c));

	if (c == NULL)
		abort();
	c->fd = fd;
	c->name = malloc(100);
	if (c->name != NULL)
		memset(c->name, 'x', 100);
	return c;
}

int
main(void)
{
	for (int fd = 5; fd < 8; fd++) {
		struct client *volatile c = client_new(fd);

		c = NULL;
		(void)c;
	}
	return 0;
}
