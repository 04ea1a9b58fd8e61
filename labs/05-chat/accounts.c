#define _DEFAULT_SOURCE /* getentropy(3) */

#include "accounts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HASHES_MAX = 2, /* at once: one takes up to 1 GiB of memory */
};

/* A token that was given out, and whose it is. */
struct token {
	char text[TOKEN_SIZE];
	char name[USERS_NAME_MAX + 1];
	struct token *next;
};

/*
 * The accounts. Key to the fields:
 *	(S) set by accounts_open, only read after that
 *	(L) lock must be held
 *	(G) gate must be held
 */
static struct {
	pthread_mutex_t lock;
	struct users *users;  /* (L) the identification file */
	struct token *tokens; /* (L) one for each who has logged in */
	int cost;             /* (S) of a hash */
	size_t size;          /* (S) messages that a newcomer gets */
	/* Nothing else is locked while the gate is held. */
	pthread_mutex_t gate;
	pthread_cond_t open; /* one more may hash */
	int hashing;         /* (G) how many do */
	bool stopping;       /* (G) nobody may any more */
} accounts = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .gate = PTHREAD_MUTEX_INITIALIZER,
    .open = PTHREAD_COND_INITIALIZER,
};

static const char server_error[] = "ERR server-error";
static const char denied[] = "ERR denied";

/*
 * Waits until this thread may hash a password. A hundred at once would not be
 * ready sooner than two by two, but need fifty times the memory. Returns
 * whether it may; then gate_leave is to follow.
 */
static bool
gate_enter(void)
{
	bool may;

	pthread_mutex_lock(&accounts.gate);
	while (accounts.hashing == HASHES_MAX && !accounts.stopping)
		pthread_cond_wait(&accounts.open, &accounts.gate);
	may = !accounts.stopping;
	if (may)
		accounts.hashing++;
	pthread_mutex_unlock(&accounts.gate);
	return may;
}

static void
gate_leave(void)
{
	pthread_mutex_lock(&accounts.gate);
	accounts.hashing--;
	pthread_cond_signal(&accounts.open);
	pthread_mutex_unlock(&accounts.gate);
}

void
accounts_stop(void)
{
	pthread_mutex_lock(&accounts.gate);
	accounts.stopping = true;
	pthread_cond_broadcast(&accounts.open);
	pthread_mutex_unlock(&accounts.gate);
}

/* Fills text with 128 bits that nobody can guess. Returns 0, or -1. */
static int
token_draw(char text[TOKEN_SIZE])
{
	/*
	 * TODO 1: so far everybody has the same token, and anyone can guess
	 * it. getentropy(3) fills memory with bits that nobody can.
	 */
	snprintf(text, TOKEN_SIZE, "%032d", 0);
	return 0;
}

/* The token of a user, a new one if there is none; NULL if that fails. */
static const struct token *
token_of_locked(const char *name)
{
	struct token *token = accounts.tokens;

	while (token != NULL && strcmp(token->name, name) != 0)
		token = token->next;
	if (token != NULL)
		return token;
	token = malloc(sizeof(*token));
	if (token == NULL || token_draw(token->text) < 0) {
		free(token);
		return NULL;
	}
	snprintf(token->name, sizeof(token->name), "%s", name);
	token->next = accounts.tokens;
	accounts.tokens = token;
	return token;
}

/* Lets the user of that name in, with a greeting and a token. */
static const char *
enter_locked(struct user *user, const char *name, const char *greeting)
{
	const struct token *token = token_of_locked(name);
	char welcome[128];

	if (token == NULL)
		return server_error;
	snprintf(user->name, sizeof(user->name), "%s", name);
	snprintf(welcome, sizeof(welcome), "OK %s %s %s\n", greeting, name,
	    token->text);
	if (room_enter(user, welcome, accounts.size) == 0)
		return NULL;
	return errno == EEXIST ? "ERR already-online" : server_error;
}

/*
 * Creates an account and lets its user in: see accounts.h. The name may be
 * taken by another thread while this one hashes.
 */
const char *
accounts_register(struct user *user, const char *name, const char *password)
{
	/*
	 * TODO 1: judge name and password, hash the password, add the user to
	 * the file, let the user in with enter_locked. The users need
	 * accounts.lock; but the hash takes long, and is made between
	 * gate_enter and gate_leave without it.
	 */
	(void)user;
	(void)name;
	(void)password;
	(void)gate_enter;
	(void)gate_leave;
	(void)enter_locked;
	return server_error;
}

/*
 * Lets in a user who knows the password: see accounts.h. A name that does not
 * exist is refused in the same words and after the same time.
 */
const char *
accounts_login(struct user *user, const char *name, const char *password)
{
	/*
	 * TODO 1: look the hash up, check the password, let the user in. When
	 * do you hold the lock? And who can tell by your answer, or by its
	 * time, whether there is such a name?
	 */
	(void)user;
	(void)name;
	(void)password;
	return denied;
}

/* Lets in a user who has a token: see accounts.h. */
const char *
accounts_resume(struct user *user, const char *text)
{
	/* TODO 1: find the token, let its user in. */
	(void)user;
	(void)text;
	return denied;
}

int
accounts_open(const char *path, int cost, size_t size)
{
	accounts.cost = cost;
	accounts.size = size;
	accounts.users = users_open(path);
	return accounts.users != NULL ? 0 : -1;
}

void
accounts_close(void)
{
	while (accounts.tokens != NULL) {
		struct token *token = accounts.tokens;

		accounts.tokens = token->next;
		free(token);
	}
	users_close(accounts.users);
}
