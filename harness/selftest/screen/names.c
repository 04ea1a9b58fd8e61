/* Functions and fields called almost, or locally, as the library's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

struct stream {
	ssize_t (*read)(int fd, void *data, size_t size);
	ssize_t (*write)(int fd, const void *data, size_t size);
	void (*close)(struct stream *stream);
	int fork, signal, malloc;
};

int index_of_client;
int prctl_calls, exit_status;

void pthread_mutex_lock_or_die(void *mutex);
ssize_t read_all(int fd, void *data, size_t size);
char *strlcpy_like(char *to, const char *from, size_t size);
void AnnotateLine(int line);
int execute(const char *command);
void tsan_note(void);
size_t strlcat(char *to, const char *from, size_t size);

void
pthread_mutex_lock_or_die(void *mutex)
{
	if (mutex == NULL)
		exit(1);
}

ssize_t
read_all(int fd, void *data, size_t size)
{
	ssize_t n;

	do
		n = read(fd, data, size);
	while (n == -1 && errno == EINTR);
	return n;
}

size_t
strlcat(char *to, const char *from, size_t size)
{
	strncat(to, from, size - strlen(to) - 1);
	return strlen(to);
}

void
AnnotateLine(int line)
{
	index_of_client = line;
}

void
tsan_note(void)
{
	index_of_client++;
}

static void
send_line(struct stream *stream)
{
	stream->write(1, "x", 1);
	stream->close(stream);
}

static void
accept(struct stream *stream)
{
	stream->fork = stream->signal + stream->malloc;
}

int
execute(const char *command)
{
	return strcmp(command, "exec") == 0;
}

int
main(int argc, char **argv)
{
	char line[64] = "";
	struct stream stream = { .read = read, .write = write, .close = accept };

	send_line(&stream);
	AnnotateLine(__LINE__);
	tsan_note();
	pthread_mutex_lock_or_die(argv);
	strlcat(line, argv[0], sizeof(line));
	return read_all(0, line, 0) + argc == execute("dlsym") + prctl_calls + exit_status;
}
