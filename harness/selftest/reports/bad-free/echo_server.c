/* A pointer that did not come from malloc. */
#include <stdlib.h>

static char name[16];

int
main(void)
{
	char *volatile place = name;

	free(place);
	return 0;
}
