/*
 * Tries to write in every place that it knows of, and says on stderr where it
 * succeeded. Its own directory and /tmp are its to write in.
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int
main(void)
{
	static const char *const places[] = {
	    "/hostile",
	    "/usr/hostile",
	    "/usr/bin/gcc",
	    "/etc/hostile",
	    "/etc/hosts",
	    "/etc/passwd",
	    "/program/hostile",
	    "/common/net.h",
	    "/program/echo_server",
	    "/native/canary.c",
	    "/dev/hostile",
	    "/proc/sys/kernel/hostname",
	    "/home/hostile",
	    "/root/hostile",
	    "/var/tmp/hostile",
	    "/srv/hostile",
	    "/log/hostile",
	    "/tmp/hostile",
	    "/here/hostile",
	};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		int fd = open(places[i], O_WRONLY | O_CREAT | O_APPEND, 0600);

		if (fd >= 0)
			fprintf(stderr, "wrote %s\n", places[i]);
		close(fd);
	}
	return 1;
}
