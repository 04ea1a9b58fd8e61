/* Prints its environment and the number of its next descriptor; looks at paths. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

int
main(int argc, char *argv[])
{
	struct stat status;
	FILE *file;
	int fd;

	for (char **word = environ; *word; word++)
		printf("%s\n", *word);
	fd = dup(STDOUT_FILENO);
	printf("descriptor %d\n", fd);
	close(fd);
	for (int i = 1; i < argc; i++) {
		fd = open(argv[i], O_RDONLY);
		if (fd >= 0)
			close(fd);
		file = fopen(argv[i], "r");
		if (file)
			fclose(file);
		stat(argv[i], &status);
	}
	return 0;
}
