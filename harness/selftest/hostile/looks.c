/*
 * Looks into PLACES, which are none of its business, and says on stderr where
 * it succeeded: directly, through a link of its own, and by writing there.
 */
#define _XOPEN_SOURCE 700
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void
try_it(const char *how, const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		return;
	fprintf(stderr, "got %s %s\n", how, path);
	close(fd);
}

int
main(void)
{
	static const char *const places[] = {PLACES};
	char longer[4096];

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		try_it("to read", places[i], O_RDONLY);
		try_it("to write", places[i], O_WRONLY | O_APPEND);
		snprintf(longer, sizeof longer, "/proc/1/root%s", places[i]);
		try_it("by /proc", longer, O_RDONLY);
		snprintf(longer, sizeof longer, "../../../..%s", places[i]);
		try_it("by dots", longer, O_RDONLY);
		unlink("name");
		if (link(places[i], "name") == 0)
			fprintf(stderr, "got a link to %s\n", places[i]);
		(void)!symlink(places[i], "name");
		try_it("by a link", "name", O_RDONLY);
	}
	fprintf(stderr, "looked at all places\n");
	return 1;
}
