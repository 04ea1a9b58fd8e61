/* Names and texts that only look like tricks. __attribute__((constructor)), asm("nop") */
#include <stdio.h>
#include <string.h>

/* #pragma GCC optimize ("O0")
#line 5 "/usr/include/stdio.h"
*/
struct options {
	int section, alias, constructor, destructor, naked, ifunc, copy;
	const char *optimize;
};

static int asm = 3;	/* a keyword in GNU C, a name in ISO C */

static int
no_sanitize(int section)
{
	struct options alias = { .section = section, .optimize = "no_sanitize" };
	int table[2] = { 0, 1 };
	int constructor = table[table[alias.section & 1]];

	return constructor + asm + alias.naked;
}

int
main(void)
{
	const char *text = "__attribute__((no_sanitize_thread)) /* \" __tsan_acquire";
	char quote = '"';

	printf("%s %c %d\n", strstr(text, "__asm__") ? "yes" : "no", quote, no_sanitize(1));
	return 0;
}
