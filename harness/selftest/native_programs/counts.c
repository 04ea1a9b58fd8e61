/*
 * Threads that count, and change atomic variables in other ways: those that
 * lose an update have a comment, in the line that stores.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 12, ROUNDS = 5 };

static atomic_int n;
static _Atomic unsigned char small;
static atomic_flag spin = ATOMIC_FLAG_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void (*count)(int number);

static void
two_steps(int number)
{
	(void)number;
	atomic_store(&n, atomic_load(&n) + 1); /* two-steps loses */
}

static void
downwards(int number)
{
	(void)number;
	small = (unsigned char)(small - 3); /* downwards loses */
}

/* What one adds in one step is lost as well, where another does not. */
static void
mixed(int number)
{
	if (number % 2)
		n++;
	else
		n = n + 1; /* mixed loses */
}

static void
one_step(int number)
{
	(void)number;
	n++;
	atomic_fetch_add(&small, 1);
}

static void
below_a_mutex(int number)
{
	(void)number;
	pthread_mutex_lock(&mutex);
	n = n + 1;
	pthread_mutex_unlock(&mutex);
}

static void
below_a_spin_lock(int number)
{
	(void)number;
	while (atomic_flag_test_and_set(&spin))
		sched_yield();
	n = n + 1;
	atomic_flag_clear(&spin);
}

static void
compared(int number)
{
	int before = atomic_load(&n);

	(void)number;
	while (!atomic_compare_exchange_weak(&n, &before, before + 1))
		;
}

/* Each thread sets it once it has seen that it is not set. */
static void
flag(int number)
{
	(void)number;
	if (!atomic_load(&n))
		atomic_store(&n, 1);
}

/* One thread counts, all others look. */
static void
one_writer(int number)
{
	if (number == 0)
		atomic_store(&n, atomic_load(&n) + 1);
	else
		(void)atomic_load(&n);
}

/* Whose turn it is, is said by who had it. */
static void
turns(int number)
{
	while (atomic_load(&n) % THREADS != number)
		sched_yield();
	atomic_store(&n, atomic_load(&n) + 1);
}

/* Each thread says when it was here, and nobody adds to that. */
static void
last_seen(int number)
{
	if (atomic_load(&n) >= 0)
		atomic_store(&n, number * number);
}

static const struct {
	const char *name;
	void (*count)(int number);
} forms[] = {
    {"two-steps", two_steps},
    {"downwards", downwards},
    {"mixed", mixed},
    {"one-step", one_step},
    {"below-a-mutex", below_a_mutex},
    {"below-a-spin-lock", below_a_spin_lock},
    {"compared", compared},
    {"flag", flag},
    {"one-writer", one_writer},
    {"turns", turns},
    {"last-seen", last_seen},
};

static void *
run(void *argument)
{
	for (int i = 0; i < ROUNDS; i++) {
		usleep(200);
		count((int)(size_t)argument);
	}
	return NULL;
}

int
main(int argc, char *argv[])
{
	pthread_t threads[THREADS];
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (argc > 1 && !strcmp(argv[1], forms[i].name))
			count = forms[i].count;
	if (!count)
		return 2;
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run, (void *)i))
			return 3;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
