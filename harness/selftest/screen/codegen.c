/* Code of which compilers make odd functions: parts, cold halves, tail calls, calls of their own. */
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct packet {
	char bytes[600];
	struct packet *next;
};

static jmp_buf back;
static struct packet last;

static unsigned __int128
divided(unsigned __int128 a, uint64_t b)
{
	return a / b % 10;
}

static void
copied(struct packet *to, const struct packet *from)
{
	*to = *from;
	last = (struct packet){ .next = to };
}

static int
fill(void)
{
	char line[64] = { 0 };
	volatile char *end = line;

	end[10] = 'x';
	return line[10];
}

static int
depth(int n)
{
	if (n > 1000)
		longjmp(back, 1);
	if (n < 0) {
		fprintf(stderr, "impossible\n");
		abort();
	}
	if (n == 7)
		return n;
	return n % 2 ? depth(n + 3) : depth(n * 2 + 1);
}

static int (*const handlers[])(int) = { depth, abs };

static void
leaf(void)
{
}

int
main(int argc, char **argv)
{
	static struct packet one, two;

	leaf();
	strcpy(one.bytes, argv[0]);
	copied(&two, &one);
	if (setjmp(back) == 0)
		printf("%d\n", handlers[argc & 1](argc));
	printf("%d %d\n", (int)divided(argc, 3), fill() + __builtin_popcountll((uint64_t)argc));
	return puts(two.bytes) == EOF;
}
