/*
 * Takes locks in many ways: lock_orders WAY good|bad. In the good form of each
 * way no two threads can ever wait for each other; in the bad one they can,
 * though here they never do: one thread does its part after the other. Only
 * `deadlock` does not end.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>
#include <time.h>

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t c = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t index_lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_rwlock_t fair =
    PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_rwlock_t fair2 =
    PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static pthread_mutex_t nodes[4] = {PTHREAD_MUTEX_INITIALIZER,
    PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
    PTHREAD_MUTEX_INITIALIZER};
static pthread_spinlock_t spin;
static mtx_t c11;
static pthread_mutex_t again; /* recursive */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool bad;
static sem_t turn;

/* Takes the first, then the second, and gives them back. */
static void
both(pthread_mutex_t *first, pthread_mutex_t *second)
{
	pthread_mutex_lock(first);  /* FIRST */
	pthread_mutex_lock(second); /* SECOND */
	pthread_mutex_unlock(second);
	pthread_mutex_unlock(first);
}

static void
a_then_b(void)
{
	both(&a, &b);
}

static void
b_then_a(void)
{
	both(&b, &a);
}

static void
plain(void)
{
	if (bad)
		both(&b, &a);
	else
		both(&a, &b);
}

static void
gated_ab(void)
{
	pthread_mutex_lock(&gate);
	both(&a, &b);
	pthread_mutex_unlock(&gate);
}

static void
gated_ba(void)
{
	if (!bad)
		pthread_mutex_lock(&gate);
	both(&b, &a);
	if (!bad)
		pthread_mutex_unlock(&gate);
}

static void
read_gated_ab(void)
{
	pthread_rwlock_rdlock(&table);
	both(&a, &b);
	pthread_rwlock_unlock(&table);
}

static void
read_gated_ba(void)
{
	if (bad)
		pthread_rwlock_rdlock(&table);
	else
		pthread_rwlock_wrlock(&table);
	both(&b, &a);
	pthread_rwlock_unlock(&table);
}

static void
tried(void)
{
	pthread_mutex_lock(&b);
	if (bad)
		pthread_mutex_lock(&a);
	else
		while (pthread_mutex_trylock(&a) != 0) {
			pthread_mutex_unlock(&b);
			pthread_mutex_lock(&b);
		}
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
}

/* Tries until it has the lock, and lets go of what it holds meanwhile. */
static void
tried_again(void)
{
	pthread_mutex_lock(&b);
	while (pthread_mutex_trylock(&a) != 0) {
		pthread_mutex_unlock(&b);
		sched_yield();
		pthread_mutex_lock(&b);
	}
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
}

/* Tries until it has the lock, and keeps what it holds. */
static void
insists(void)
{
	pthread_mutex_lock(&b);
	while (pthread_mutex_trylock(&a) != 0)
		sched_yield();
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
}

static void
tries(void)
{
	if (bad)
		insists();
	else
		tried_again();
}

/* What was tried is held all the same. */
static void
held_by_trying(void)
{
	if (pthread_mutex_trylock(&a) != 0)
		return;
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
}

static void
timed(void)
{
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	pthread_mutex_lock(&b);
	if (bad)
		pthread_mutex_lock(&a);
	else
		err = pthread_mutex_timedlock(&a, &until);
	if (!err)
		pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&b);
}

static void
read_both(pthread_rwlock_t *first, pthread_rwlock_t *second, bool write)
{
	pthread_rwlock_rdlock(first);
	if (write)
		pthread_rwlock_wrlock(second);
	else
		pthread_rwlock_rdlock(second);
	pthread_rwlock_unlock(second);
	pthread_rwlock_unlock(first);
}

static void
read_table_first(void)
{
	read_both(&table, &index_lock, bad);
}

static void
read_index_first(void)
{
	read_both(&index_lock, &table, bad);
}

/* Where a writer waits, later readers wait behind it. */
static void
read_fair_first(void)
{
	if (bad) {
		pthread_rwlock_wrlock(&fair);
		pthread_rwlock_unlock(&fair);
		pthread_rwlock_wrlock(&fair2);
		pthread_rwlock_unlock(&fair2);
	}
	read_both(&fair, &fair2, false);
}

static void
read_fair2_first(void)
{
	read_both(&fair2, &fair, false);
}

/* From node to node of a list, the next one taken before the last is given. */
static void
walk(int from, int to)
{
	int step = from < to ? 1 : -1, i;

	pthread_mutex_lock(&nodes[from]);
	for (i = from; i != to; i += step) {
		pthread_mutex_lock(&nodes[i + step]);
		pthread_mutex_unlock(&nodes[i]);
	}
	pthread_mutex_unlock(&nodes[to]);
}

static void
walk_on(void)
{
	walk(0, 3);
}

static void
walk_back(void)
{
	if (bad)
		walk(3, 0);
	else
		walk(0, 3);
}

/* Takes two nodes, the one at the lower address first; or as they come. */
static void
move(int from, int to)
{
	pthread_mutex_t *first = &nodes[from], *second = &nodes[to];

	if (!bad && (uintptr_t)first > (uintptr_t)second) {
		first = &nodes[to];
		second = &nodes[from];
	}
	both(first, second);
}

static void
move_there(void)
{
	move(1, 2);
}

static void
move_back(void)
{
	move(2, 1);
}

static void
recursive(void)
{
	pthread_mutex_lock(&again);
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&again); /* it is held already */
	pthread_mutex_unlock(&again);
	pthread_mutex_unlock(&a);
	pthread_mutex_unlock(&again);
}

static void
recursive_too(void)
{
	if (bad)
		both(&a, &again);
	else
		both(&again, &a);
}

/* The lock at this address is another one from now on. */
static void
reused(void)
{
	if (!bad) {
		pthread_mutex_destroy(&a);
		pthread_mutex_init(&a, NULL);
	}
	both(&b, &a);
}

/* At the end of a wait the lock is taken again, below what is held. */
static void
waits(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	pthread_mutex_lock(&a);
	if (bad)
		pthread_mutex_lock(&b);
	pthread_cond_timedwait(&changed, &a, &until);
	if (bad)
		pthread_mutex_unlock(&b);
	pthread_mutex_unlock(&a);
}

static void
b_then_c(void)
{
	both(&b, &c);
}

static void
c_then_a(void)
{
	if (bad)
		both(&c, &a);
	else
		both(&a, &c);
}

/* Gives back first what it took first: a is not held when c is taken. */
static void
crosswise(void)
{
	pthread_mutex_lock(&a);
	pthread_mutex_lock(&b);
	pthread_mutex_unlock(&a);
	pthread_mutex_lock(&c);
	pthread_mutex_unlock(&c);
	pthread_mutex_unlock(&b);
}

static void
crosswise_too(void)
{
	both(&c, bad ? &b : &a);
}

static void
both_orders(void)
{
	both(&a, &b);
	both(&b, &a);
}

static void
both_orders_if_bad(void)
{
	if (bad)
		both_orders();
}

static void
spin_then_a(void)
{
	pthread_spin_lock(&spin);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	pthread_spin_unlock(&spin);
}

static void
a_then_spin(void)
{
	pthread_mutex_lock(&a);
	if (bad)
		pthread_spin_lock(&spin);
	else if (pthread_spin_trylock(&spin) != 0)
		return;
	pthread_spin_unlock(&spin);
	pthread_mutex_unlock(&a);
}

static void
c11_then_a(void)
{
	mtx_lock(&c11);
	pthread_mutex_lock(&a);
	pthread_mutex_unlock(&a);
	mtx_unlock(&c11);
}

static void
a_then_c11(void)
{
	pthread_mutex_lock(&a);
	if (bad)
		mtx_lock(&c11);
	else if (mtx_trylock(&c11) != thrd_success)
		return;
	mtx_unlock(&c11);
	pthread_mutex_unlock(&a);
}

static const struct way {
	const char *name;
	void (*parts[3])(void);
} ways[] = {
    {"plain", {a_then_b, plain}},
    {"gate", {gated_ab, gated_ba}},
    {"gate-for-reading", {read_gated_ab, read_gated_ba}},
    {"trylock", {a_then_b, tried}},
    {"insisting", {a_then_b, tries}},
    {"held-by-trylock", {held_by_trying, plain}},
    {"timedlock", {a_then_b, timed}},
    {"readers", {read_table_first, read_index_first}},
    {"readers-behind-writers", {read_fair_first, read_fair2_first}},
    {"coupling", {walk_on, walk_back}},
    {"by-address", {move_there, move_back}},
    {"recursive", {recursive, recursive_too}},
    {"same-address", {a_then_b, reused}},
    {"condition", {a_then_b, waits}},
    {"three", {a_then_b, b_then_c, c_then_a}},
    {"crosswise", {crosswise, crosswise_too}},
    {"one-thread", {both_orders, both_orders_if_bad}},
    {"spin", {spin_then_a, a_then_spin}},
    {"c11", {c11_then_a, a_then_c11}},
};

/* A part, and then the next one's turn; it lives until all are done. */
struct part {
	void (*run)(void);
	sem_t mine, *next, done;
};

static void *
part_main(void *argument)
{
	struct part *part = argument;

	sem_wait(&part->mine);
	part->run();
	sem_post(part->next);
	sem_wait(&part->done);
	return NULL;
}

/* Each part in a thread of its own; all these threads live at once. */
static void
run_in_turns(const struct way *way)
{
	struct part parts[3];
	pthread_t threads[3];
	int i, count = way->parts[2] ? 3 : 2;

	for (i = 0; i < count; i++) {
		parts[i].run = way->parts[i];
		parts[i].next = i + 1 < count ? &parts[i + 1].mine : &turn;
		sem_init(&parts[i].mine, 0, 0);
		sem_init(&parts[i].done, 0, 0);
	}
	for (i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, part_main, &parts[i]);
	sem_post(&parts[0].mine);
	sem_wait(&turn);
	for (i = 0; i < count; i++)
		sem_post(&parts[i].done);
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static void *
once_main(void *unused)
{
	b_then_a();
	sem_post(&turn);
	return unused;
}

/* Start-up before there is a thread, and what is done after its join. */
static void
around_a_thread(bool before, bool after)
{
	pthread_t thread;

	if (before && !bad)
		a_then_b();
	pthread_create(&thread, NULL, once_main, NULL);
	sem_wait(&turn);
	if (bad)
		a_then_b();
	pthread_join(thread, NULL);
	if (after && !bad)
		a_then_b();
}

static void *
joins_main(void *argument)
{
	pthread_join(*(pthread_t *)argument, NULL);
	a_then_b();
	return NULL;
}

/* One thread joins another and is the third one's witness that it is over. */
static void
joined_by_another(void)
{
	pthread_t first, second;

	pthread_create(&first, NULL, once_main, NULL);
	sem_wait(&turn);
	if (bad)
		a_then_b();
	pthread_create(&second, NULL, joins_main, &first);
	pthread_join(second, NULL);
	a_then_b();
}

static pthread_barrier_t both_hold;

static void *
deadlock_main(void *unused)
{
	pthread_mutex_lock(&a);
	pthread_barrier_wait(&both_hold);
	pthread_mutex_lock(&b);
	return unused;
}

/* Each holds what the other waits for. */
static void
deadlock(void)
{
	pthread_t thread;

	pthread_barrier_init(&both_hold, NULL, 2);
	pthread_create(&thread, NULL, deadlock_main, NULL);
	pthread_mutex_lock(&b);
	pthread_barrier_wait(&both_hold);
	pthread_mutex_lock(&a);
}

/* More pairs of locks than can be remembered. */
static void
too_many(void)
{
	static pthread_mutex_t locks[10000];
	size_t i;

	for (i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		pthread_mutex_init(&locks[i], NULL);
		both(&a, &locks[i]);
	}
}

static void
set_up(void)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&again, &attr);
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	mtx_init(&c11, mtx_plain);
	sem_init(&turn, 0, 0);
}

int
main(int argc, char *argv[])
{
	const char *name = argc > 1 ? argv[1] : "";
	size_t i;

	bad = argc > 2 && strcmp(argv[2], "bad") == 0;
	set_up();
	if (strcmp(name, "before-threads") == 0)
		around_a_thread(true, false);
	else if (strcmp(name, "after-join") == 0)
		around_a_thread(false, true);
	else if (strcmp(name, "before-and-after") == 0)
		around_a_thread(true, true);
	else if (strcmp(name, "joined-by-another") == 0)
		joined_by_another();
	else if (strcmp(name, "deadlock") == 0)
		deadlock();
	else if (strcmp(name, "too-many") == 0)
		too_many();
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(name, ways[i].name) == 0)
			run_in_turns(&ways[i]);
	puts("done");
	return 0;
}
