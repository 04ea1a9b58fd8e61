/* Takes every port that it can get, and listens on none of them. */
#include "hostile.h"

int
main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int taken = 0;

	for (int port = 1; port < 65536; port++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		address.sin_port = htons(port);
		if (fd < 0)
			break;
		if (bind(fd, (struct sockaddr *)&address, sizeof address))
			close(fd);
		else
			taken++;
	}
	fprintf(stderr, "took %d ports\n", taken);
	for (;;)
		pause();
}
