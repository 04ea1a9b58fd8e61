/*
 * Calls other machines, and its own from outside the sandbox: by TCP at PORT,
 * by UDP, and by the name that a socket of the test has. Says on stderr who
 * answers.
 */
#define _POSIX_C_SOURCE 200809L
#include "hostile.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

static void
call(const char *host, int port, int type)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int fd = socket(AF_INET, type, 0);

	inet_pton(AF_INET, host, &address.sin_addr);
	address.sin_port = htons(port);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	    write(fd, "x", 1) == 1)
		fprintf(stderr, "got %s\n", host);
	close(fd);
}

int
main(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	call("127.0.0.1", PORT, SOCK_STREAM);
	call("192.0.2.1", PORT, SOCK_STREAM);
	call("192.0.2.1", 53, SOCK_DGRAM);
	strcpy(name.sun_path + 1, NAME);
	if (connect(fd, (struct sockaddr *)&name,
	        offsetof(struct sockaddr_un, sun_path) + sizeof NAME) == 0)
		fprintf(stderr, "got %s\n", NAME);
	fprintf(stderr, "called everybody\n");
	return 1;
}
