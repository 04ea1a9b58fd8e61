/*
 * users - the identification file: who may log in, and with which password
 *
 * The file holds a line NAME:HASH for each user, with a hash of the password
 * by crypt(3), and only its owner may read it. It is read once, by users_open,
 * and is the program's until users_close: each change writes a new file beside
 * it, which then takes its place in one step. So a program that is killed, or
 * a machine that loses power, leaves the old file or the new one, both whole.
 *
 * NOT THREAD-SAFE. A struct users is like any other variable: where threads
 * share one, every call that takes it needs a lock of the caller's, the same
 * for all of them. Two threads in users_add at once may both find the name
 * free, or write one file over the other. Only users_hash, users_check and the
 * two that judge a name or a password touch nothing shared: any thread may
 * call them at any time. The first two take milliseconds of work, so call them
 * WITHOUT the lock, or a user who logs in holds up everybody:
 *
 *	users_hash(password, cost, hash)        the slow part, no lock
 *	lock; users_add(users, name, hash); unlock
 *
 *	lock; users_find(users, name, hash); unlock
 *	users_check(hash, password, cost)       the slow part, no lock
 *
 * A function that returns an int returns 0, or -1 with the reason in errno;
 * file and memory are then as they were before the call.
 */

#ifndef USERS_H
#define USERS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	USERS_NAME_MAX = 32,      /* bytes, without '\0' */
	USERS_PASSWORD_MAX = 128, /* bytes, without '\0' */
	USERS_HASH_SIZE = 384,    /* room for any hash and its '\0' */
	USERS_COST_MIN = 1,       /* what a hash costs: each step doubles it, */
	USERS_COST_MAX = 11,      /* from 1 ms to more than a second */
};

struct users;

/*
 * Reads the file at path, which is created if there is none, and gives it mode
 * 0600. A line that can't be read, also one that repeats a name, is reported
 * on stderr with its number; it stays in the file and is nobody's. Returns the
 * users, for users_close, or NULL with the reason in errno.
 */
struct users *users_open(const char *path);

/* Frees the users; NULL is allowed. The file stays. */
void users_close(struct users *users);

/* How many there are. */
size_t users_count(const struct users *users);

/*
 * Copies the hash of the user who has that name to hash; returns whether there
 * is one. If there is none, hash becomes the empty string, so that it can be
 * given to users_check all the same.
 */
bool users_find(
    const struct users *users, const char *name, char hash[USERS_HASH_SIZE]);

/*
 * Adds a user, in the file first, then here. Fails with EEXIST if the name is
 * taken, EINVAL if name or hash could not stand in the file, or as open(2),
 * write(2), fsync(2) and rename(2) do.
 */
int users_add(struct users *users, const char *name, const char *hash);

/* Removes all users, and all other lines, in the file first, then here. */
int users_clear(struct users *users);

/*
 * Hashes a password with yescrypt and a salt of its own, at the given cost.
 * Fails with EINVAL if password or cost is out of range, or with ENOMEM.
 */
int users_hash(const char *password, int cost, char hash[USERS_HASH_SIZE]);

/*
 * Whether the password is the one that was hashed. If hash is the empty
 * string, the answer is no and takes as long as a hash of the given cost: the
 * time tells nobody whether there is a user of that name. Without memory, and
 * for an invalid password, the answer is no.
 */
bool users_check(const char *hash, const char *password, int cost);

/* 1 to USERS_NAME_MAX bytes of UTF-8, no space, control character or ':'. */
bool users_is_name(const char *text);

/* 1 to USERS_PASSWORD_MAX bytes of UTF-8, no space or control character. */
bool users_is_password(const char *text);

#endif
