/*
 * static_result - gmtime gives everybody the address of the same struct;
 * gmtime_r writes into the caller's
 */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <time.h>

int
main(void)
{
	const time_t moon = -14182980, rocket = 1000000000;
	const struct tm *first = gmtime(&moon);
	const struct tm *second = gmtime(&rocket);
	struct tm mine, yours;

	printf("gmtime:   %d and %d%s\n", first->tm_year + 1900,
	    second->tm_year + 1900, first == second ? ", one struct" : "");
	gmtime_r(&moon, &mine);
	gmtime_r(&rocket, &yours);
	printf(
	    "gmtime_r: %d and %d\n", mine.tm_year + 1900, yours.tm_year + 1900);
	return 0;
}
