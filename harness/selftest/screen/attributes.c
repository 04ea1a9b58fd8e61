/* Attributes and pragmas that hide nothing. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma pack(push, 1)
struct __attribute__((packed, aligned(8))) header {
	char kind;
	int size;
};
#pragma pack(pop)

#define SECTION(x) [x] = #x
enum { alias, section };
static const char *names[] = { SECTION(alias), SECTION(section) };

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2), cold));
static void die(int status) __attribute__((__noreturn__));
static int unused(void) __attribute__((unused, warn_unused_result));
extern int missing(void) __attribute__((weak, visibility("hidden"), deprecated("section")));
_Pragma("GCC diagnostic ignored \"-Wunused-parameter\"")

static void
complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
}

__attribute__((noinline)) static void
die(int status)
{
	complain("status %d, %s\n", status, names[alias]);
	exit(status);
}

static int
unused(void)
{
	return alias + section;
}

static void
release(char **text)
{
	free(*text);
}

#pragma GCC diagnostic pop

int
main(int argc, char **argv)
{
	char *text __attribute__((cleanup(release))) = malloc(10);
	int table[1] = { 0 };
	[[maybe_unused]] int later = table[table[0]];

	switch (argc) {
	case 0:
		__attribute__((fallthrough));
	case 2:
		die(text == argv[0]);
	}
	return 0;
}
