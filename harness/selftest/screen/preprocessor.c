/* The preprocessor at work: dates, counters, pasting, line numbers, digraphs, a header of one's own. */
%: include <stdio.h>
#include "preprocessor.h"

#define JOIN(a, b) a##b
#define NAME(n) JOIN(client_, n)
#define EVENTS(X) X(connected) X(disconnected)
#define AS_NAME(e) #e,
#define VERSION "built " __DATE__ " " __TIME__
#ifdef __OPTIMIZE__
#define LEVEL 1
#else
#define LEVEL 0
#endif
#if defined(__has_include) && __has_include(<threads.h>)
#define HAVE_THREADS 1
#endif

static const char *events<::> = <% EVENTS(AS_NAME) NULL %>;
static int NAME(count) = __COUNTER__ + LEVEL;

#line 200
int
main(void)
{
	const char *long_text = "a text that goes \
on in the next line";

#line 300 "preprocessor.c"
	printf("%s %s %s:%d\n", VERSION, events[0], __FILE__, __LINE__);
	return twice(client_count) > 100 && long_text[0] == '\"';
}
