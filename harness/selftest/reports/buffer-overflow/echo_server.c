/* A name that is longer than its place on the heap. */
#include <stdlib.h>
#include <string.h>

struct client {
	int fd;
	char *name;
};

static void
client_name(struct client *c, const char *name)
{
	c->name = malloc(strlen(name));
	if (c->name == NULL)
		abort();
	strcpy(c->name, name);
}

int
main(int argc, char **argv)
{
	struct client c = { .fd = 5 };

	(void)argc;
	client_name(&c, argv[0]);
	free(c.name);
	return 0;
}
