/* Takes every client and throws it out again with a reset. */
#include "hostile.h"

int
main(void)
{
	int fd = listen_somewhere();
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	for (;;) {
		int client = accept(fd, NULL, NULL);

		setsockopt(
		    client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
		close(client);
	}
}
