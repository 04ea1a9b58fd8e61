/* A server that nobody can hear any more. */
#include "hostile.h"

int
main(void)
{
	int fd = listen_somewhere();

	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	accept(fd, NULL, NULL);
	for (;;)
		pause();
}
