/*
 * edit FILE NAME HASH - opens an identification file, says how many users it
 * has, adds one, says how many there are then, and whether each is found
 */

#include "users.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
main(int argc, char *argv[])
{
	char hash[USERS_HASH_SIZE];
	struct users *users = argc == 4 ? users_open(argv[1]) : NULL;

	if (users == NULL)
		return 2;
	printf("%zu\n", users_count(users));
	errno = 0;
	if (users_add(users, argv[2], argv[3]) < 0 && errno != EEXIST)
		return 3;
	printf("%zu\n", users_count(users));
	if (!users_find(users, argv[2], hash) || hash[0] == '\0')
		return 4;
	users_close(users);
	return 0;
}
