#define _POSIX_C_SOURCE 200809L

#include "accounts.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * All accounts. Key to the fields:
 *	(S) set by accounts_open, before there is a second thread
 *	(L) lock must be held
 * A change is written to the file under the lock: only so do file and memory
 * agree. A password is hashed without it, since that takes long.
 */
static struct {
	int cost; /* (S) of a hash */
	pthread_mutex_t lock;
	struct users *users;    /* (L) those who may log in */
	struct account *online; /* (L) list of those who have, and its next */
} accounts = {.lock = PTHREAD_MUTEX_INITIALIZER};

int
accounts_open(const char *path, int cost)
{
	accounts.cost = cost;
	accounts.users = users_open(path);
	return accounts.users != NULL ? 0 : -1;
}

void
accounts_close(void)
{
	users_close(accounts.users);
}

static bool
is_online_locked(const char *name)
{
	const struct account *account = accounts.online;

	while (account != NULL && strcmp(account->name, name) != 0)
		account = account->next;
	return account != NULL;
}

static void
set_online_locked(struct account *account, const char *name)
{
	snprintf(account->name, sizeof(account->name), "%s", name);
	account->next = accounts.online;
	accounts.online = account;
}

/* Adds a user with that hash; returns NULL, or what is wrong. */
static const char *
add_locked(const char *name, const char *hash)
{
	char other[USERS_HASH_SIZE];

	if (users_find(accounts.users, name, other))
		return "name-taken";
	if (is_online_locked(name)) /* and the users were cleared since */
		return "already-online";
	if (users_add(accounts.users, name, hash) == 0)
		return NULL;
	warn("add %s to the identification file", name);
	return "server-error";
}

/* Hashes without the lock; then free name and new user are one step. */
const char *
accounts_register(
    struct account *account, const char *name, const char *password)
{
	char hash[USERS_HASH_SIZE];
	const char *error;

	if (!users_is_name(name))
		return "bad-name";
	if (!users_is_password(password))
		return "bad-password";
	if (users_hash(password, accounts.cost, hash) < 0)
		return "server-error";

	pthread_mutex_lock(&accounts.lock);
	error = add_locked(name, hash);
	if (error == NULL)
		set_online_locked(account, name);
	pthread_mutex_unlock(&accounts.lock);
	return error;
}

/* Checks the password without the lock; then looks whether it still is so. */
const char *
accounts_login(struct account *account, const char *name, const char *password)
{
	char hash[USERS_HASH_SIZE], now[USERS_HASH_SIZE];
	const char *error = NULL;

	pthread_mutex_lock(&accounts.lock);
	users_find(accounts.users, name, hash);
	pthread_mutex_unlock(&accounts.lock);

	if (!users_check(hash, password, accounts.cost))
		return "denied";

	/* Since we looked the users may have been cleared: look again. */
	pthread_mutex_lock(&accounts.lock);
	users_find(accounts.users, name, now);
	if (strcmp(now, hash) != 0)
		error = "denied";
	else if (is_online_locked(name))
		error = "already-online";
	else
		set_online_locked(account, name);
	pthread_mutex_unlock(&accounts.lock);
	return error;
}

/* Takes the account off the list, if it is on it. */
void
accounts_leave(struct account *account)
{
	struct account **link = &accounts.online;

	if (account->name[0] == '\0')
		return;
	pthread_mutex_lock(&accounts.lock);
	while (*link != account)
		link = &(*link)->next;
	*link = account->next;
	account->name[0] = '\0';
	pthread_mutex_unlock(&accounts.lock);
}

size_t
accounts_count(void)
{
	size_t count;

	pthread_mutex_lock(&accounts.lock);
	count = users_count(accounts.users);
	pthread_mutex_unlock(&accounts.lock);
	return count;
}

/* The list of those online stays as it is. */
int
accounts_clear(void)
{
	int result;

	pthread_mutex_lock(&accounts.lock);
	result = users_clear(accounts.users);
	pthread_mutex_unlock(&accounts.lock);
	return result;
}
