/*
 * hashers - a few threads that hash passwords, so that the loop need not
 *
 * The loop puts jobs in; when one is done, a byte in a pipe wakes the loop,
 * which takes it out again. What is in a job belongs to who has it.
 */

#ifndef HASHERS_H
#define HASHERS_H

#include "users.h"

#include <stdbool.h>

struct job {
	struct job *next;
	bool is_new; /* hash the password; else compare it with hash */
	int cost;
	char name[1025], password[1025];
	char hash[USERS_HASH_SIZE];
	bool good; /* the outcome */
	void *owner;
};

/* Starts the threads; returns a descriptor that can be read when one is done, or -1. */
int hashers_start(void);

void hashers_put(struct job *job);

/* The next job that is done, or NULL. */
struct job *hashers_take(void);

/* Ends the threads; jobs that were not begun are freed. */
void hashers_stop(void);

#endif
