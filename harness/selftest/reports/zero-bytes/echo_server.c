/*
 * Bug: none in C2y; C11 leaves undefined what a null pointer is to memmove and
 * its kin, even where there are no bytes. The last line is an error: it reads
 * a byte there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY(to, from, n) memcpy(to, from, n)

struct text {
	char *data;
	size_t len;
};

static void
text_append(struct text *text, const char *data, size_t len)
{
	text->data = realloc(text->data, 64);
	memmove(text->data, data, len);
	text->len += len;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int
main(int argc, char *argv[])
{
	struct text text = {NULL, 0}, other = {NULL, 0};

	(void)argv;
	text_append(&text, other.data, other.len);
	COPY(text.data, other.data,
	    other.len);
	qsort(other.data, other.len, 1, compare);
	printf("%d\n", memcmp(text.data, other.data, other.len));
	printf("%d\n", memcmp(text.data, other.data, (size_t)argc));
	free(text.data);
	return 0;
}
