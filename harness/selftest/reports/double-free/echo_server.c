/* Both ends of a connection free the same record. */
#include <stdlib.h>

struct client {
	int fd;
	char *name;
};

static void
client_free(struct client *c)
{
	free(c->name);
	free(c);
}

int
main(void)
{
	struct client *c = malloc(sizeof(*c));

	if (c == NULL || (c->name = malloc(8)) == NULL)
		return 1;
	free(c->name);
	client_free(c);
	return 0;
}
