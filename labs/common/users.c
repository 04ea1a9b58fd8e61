#define _DEFAULT_SOURCE /* explicit_bzero(3) */

#include "users.h"

#include "text.h"

#include <crypt.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(USERS_HASH_SIZE >= CRYPT_OUTPUT_SIZE, "a hash must fit");

static const char yescrypt[] = "$y$"; /* how its hashes begin */

struct user {
	char name[USERS_NAME_MAX + 1];
	char hash[]; /* as long as it is */
};

struct users {
	char *path;  /* of the file, without symbolic links */
	char *text;  /* what the file holds, */
	size_t size; /* all these bytes */
	void *tree;  /* of struct user, ordered by name: see tsearch(3) */
	size_t count;
};

/* -- names, passwords, hashes --------------------------------------------- */

bool
users_is_name(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length <= USERS_NAME_MAX && text_is_plain(text) &&
	    strpbrk(text, " :") == NULL;
}

bool
users_is_password(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length <= USERS_PASSWORD_MAX &&
	    text_is_plain(text) && strchr(text, ' ') == NULL;
}

/*
 * Whether text looks like a hash: a method that is still good, and a yescrypt
 * hash has all its 43 characters, so that half of one is not mistaken for it.
 */
static bool
is_hash(const char *text)
{
	const char *last = strrchr(text, '$');

	if (last == NULL || strlen(text) >= USERS_HASH_SIZE ||
	    strpbrk(text, " :\n") != NULL || !text_is_plain(text) ||
	    crypt_checksalt(text) != CRYPT_SALT_OK)
		return false;
	return strncmp(text, yescrypt, strlen(yescrypt)) != 0 ||
	    strlen(last + 1) == 43;
}

/*
 * Writes crypt(3)'s hash of password to hash. setting is a salt, or a hash
 * that was made with it. crypt_r, because crypt has one result for all
 * threads; its state has 32 KiB and holds the password: not for the stack.
 */
static int
hash_with(const char *setting, const char *password, char hash[USERS_HASH_SIZE])
{
	struct crypt_data *state = calloc(1, sizeof(*state));
	const char *result;
	int error = 0;

	if (state == NULL)
		return -1;
	errno = EINVAL;
	result = crypt_r(password, setting, state);
	if (result == NULL || result[0] == '*') /* its sign of failure */
		error = errno;
	else
		snprintf(hash, USERS_HASH_SIZE, "%s", result);
	explicit_bzero(state, sizeof(*state));
	free(state);
	errno = error;
	return error == 0 ? 0 : -1;
}

int
users_hash(const char *password, int cost, char hash[USERS_HASH_SIZE])
{
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];

	if (cost < USERS_COST_MIN || cost > USERS_COST_MAX ||
	    !users_is_password(password)) {
		errno = EINVAL;
		return -1;
	}
	/* No random bytes of ours: it takes the kernel's. */
	if (crypt_gensalt_rn(yescrypt, (unsigned long)cost, NULL, 0, salt,
		(int)sizeof(salt)) == NULL)
		return -1;
	return hash_with(salt, password, hash);
}

/* Compares in a time that does not tell where two hashes differ. */
static bool
same_hash(const char *one, const char *other)
{
	size_t length = strlen(one);
	int differences = length != strlen(other);

	for (size_t i = 0; i < length && other[i] != '\0'; i++)
		differences |= one[i] ^ other[i];
	return differences == 0;
}

bool
users_check(const char *hash, const char *password, int cost)
{
	char again[USERS_HASH_SIZE];

	if (hash[0] != '\0' && users_is_password(password))
		return hash_with(hash, password, again) == 0 &&
		    same_hash(hash, again);
	(void)users_hash("?", cost, again); /* for the time it takes */
	return false;
}

/* -- the users in memory -------------------------------------------------- */

/* Orders two users by name, for tsearch(3). */
static int
compare(const void *one, const void *other)
{
	const struct user *a = one, *b = other;

	return strcmp(a->name, b->name);
}

/* The user of that name, or NULL. The name's length is not yet checked. */
static const struct user *
find(const struct users *users, const char *name)
{
	struct user key;
	struct user *const *node;

	if (strlen(name) > USERS_NAME_MAX)
		return NULL;
	strcpy(key.name, name);
	node = tfind(&key, &users->tree, compare);
	return node != NULL ? *node : NULL;
}

/* Adds a user to the tree: fails with EINVAL, EEXIST or ENOMEM. */
static int
insert(struct users *users, const char *name, const char *hash)
{
	struct user *user;

	errno = EINVAL;
	if (!users_is_name(name) || !is_hash(hash))
		return -1;
	errno = EEXIST;
	if (find(users, name) != NULL)
		return -1;
	errno = ENOMEM;
	user = malloc(sizeof(*user) + strlen(hash) + 1);
	if (user == NULL)
		return -1;
	strcpy(user->name, name);
	strcpy(user->hash, hash);
	if (tsearch(user, &users->tree, compare) == NULL) {
		free(user);
		return -1;
	}
	users->count++;
	return 0;
}

/* Takes a user, who is there, off the tree. */
static void
forget(struct users *users, const struct user *user)
{
	tdelete(user, &users->tree, compare);
	users->count--;
	free((struct user *)user);
}

static void
forget_all(struct users *users)
{
	while (users->tree != NULL)
		forget(users, *(struct user *const *)users->tree);
}

/* -- the file ------------------------------------------------------------- */

/* Opens the file, or creates it, as the regular file of its owner alone. */
static int
open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat status;
	int error;

	if (fd < 0)
		return -1;
	errno = 0;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	    fchmod(fd, 0600) == 0)
		return fd;
	error = errno != 0 ? errno : EINVAL; /* not a regular file */
	close(fd);
	errno = error;
	return -1;
}

/* Reads all of fd into the users' text. */
static int
read_text(struct users *users, int fd)
{
	size_t room = 0;

	for (;;) {
		ssize_t n;

		if (users->size == room) {
			char *more = realloc(users->text, room += 65536);

			if (more == NULL)
				return -1;
			users->text = more;
		}
		n = read(fd, users->text + users->size, room - users->size);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		users->size += n > 0 ? (size_t)n : 0;
	}
}

/* Adds the user of a line of the file; fails as insert does. */
static int
take_line(struct users *users, const char *line, size_t length)
{
	char name[USERS_NAME_MAX + 1], hash[USERS_HASH_SIZE];
	const char *colon = memchr(line, ':', length);
	size_t name_size = colon != NULL ? (size_t)(colon - line) : length;

	errno = EINVAL;
	if (colon == NULL || name_size >= sizeof(name) ||
	    length - name_size - 1 >= sizeof(hash) ||
	    memchr(line, '\0', length) != NULL)
		return -1;
	snprintf(name, sizeof(name), "%.*s", (int)name_size, line);
	snprintf(hash, sizeof(hash), "%.*s", (int)(length - name_size - 1),
	    colon + 1);
	return insert(users, name, hash);
}

/* Reads the lines of the text. Only a want of memory is a failure. */
static int
take_lines(struct users *users)
{
	const char *next = users->text, *end = users->text + users->size;

	for (size_t number = 1; next < end; number++) {
		const char *stop = memchr(next, '\n', (size_t)(end - next));
		size_t length = (size_t)((stop != NULL ? stop : end) - next);

		if (take_line(users, next, length) < 0) {
			if (errno == ENOMEM)
				return -1;
			warnx("%s: line %zu %s: skipped", users->path, number,
			    errno == EEXIST ? "repeats a name"
					    : "is not NAME:HASH");
		}
		next += length + 1;
	}
	return 0;
}

struct users *
users_open(const char *path)
{
	struct users *users = calloc(1, sizeof(*users));
	int fd = open_file(path);
	int error;

	if (users != NULL && fd >= 0 &&
	    (users->path = realpath(path, NULL)) != NULL &&
	    read_text(users, fd) == 0 && take_lines(users) == 0) {
		close(fd);
		return users;
	}
	error = errno;
	users_close(users);
	if (fd >= 0)
		close(fd);
	errno = error;
	return NULL;
}

void
users_close(struct users *users)
{
	if (users == NULL)
		return;
	forget_all(users);
	free(users->text);
	free(users->path);
	free(users);
}

/* Writes all of data to the disk, not only to the kernel's memory of it. */
static int
write_out(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
	}
	return fsync(fd);
}

/*
 * Creates the file at path, for its owner alone, with that content. A file of
 * that name can only be what a crash has left.
 */
static int
create_file(const char *path, const char *data, size_t size)
{
	int fd, written, error;

	if (unlink(path) < 0 && errno != ENOENT)
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	written = write_out(fd, data, size);
	error = errno;
	if (close(fd) < 0 && written == 0)
		return -1;
	errno = error;
	return written;
}

/*
 * A new name stands in the directory, which has to reach the disk as well.
 * Where that fails the file is whole all the same, so nobody is told.
 */
static void
sync_directory(const char *path)
{
	char *copy = strdup(path);
	int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	free(copy);
}

/*
 * Puts text in the place of all that the file holds. rename(2) does it in one
 * step; only what has reached the disk before that survives a loss of power.
 * The text, from malloc, belongs to the users from then on.
 */
static int
replace_text(struct users *users, char *text, size_t size)
{
	size_t room = strlen(users->path) + sizeof(".new");
	char *temporary = malloc(room);

	if (temporary == NULL)
		return -1;
	snprintf(temporary, room, "%s.new", users->path);
	if (create_file(temporary, text, size) < 0 ||
	    rename(temporary, users->path) < 0) {
		int error = errno;

		(void)unlink(temporary);
		free(temporary);
		errno = error;
		return -1;
	}
	free(temporary);
	sync_directory(users->path);
	free(users->text);
	users->text = text;
	users->size = size;
	return 0;
}

/* Writes what the file holds, and a line for a new user. */
static int
append_line(struct users *users, const char *name, const char *hash)
{
	size_t room = users->size + strlen(name) + strlen(hash) + 4;
	size_t size = users->size;
	char *text = malloc(room);
	int error;

	if (text == NULL)
		return -1;
	if (size > 0) {
		memcpy(text, users->text, size);
		if (text[size - 1] != '\n') /* someone edited the file */
			text[size++] = '\n';
	}
	size +=
	    (size_t)snprintf(text + size, room - size, "%s:%s\n", name, hash);
	if (replace_text(users, text, size) == 0)
		return 0;
	error = errno;
	free(text);
	errno = error;
	return -1;
}

/* -- what is left --------------------------------------------------------- */

size_t
users_count(const struct users *users)
{
	return users->count;
}

bool
users_find(
    const struct users *users, const char *name, char hash[USERS_HASH_SIZE])
{
	const struct user *user = find(users, name);

	strcpy(hash, user != NULL ? user->hash : "");
	return user != NULL;
}

int
users_add(struct users *users, const char *name, const char *hash)
{
	/* Memory first: that can be undone. */
	if (insert(users, name, hash) < 0)
		return -1;
	if (append_line(users, name, hash) < 0) {
		int error = errno;

		forget(users, find(users, name));
		errno = error;
		return -1;
	}
	return 0;
}

int
users_clear(struct users *users)
{
	if (replace_text(users, NULL, 0) < 0)
		return -1;
	forget_all(users);
	return 0;
}
