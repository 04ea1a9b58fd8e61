/*
 * Locks: which thread holds which, and which one it waits for meanwhile. From
 * this record labkit/reports/lockorder.py judges the order of locks.
 *
 * What a thread holds it keeps to itself: a lock that is taken while nothing
 * is held costs a few instructions and leaves no trace. Only a thread that
 * holds something and asks for another lock, in a way that can block for ever,
 * is written down: in the file PERTURB_STATS, before it blocks, so that a
 * deadlock itself is on record however the program is ended.
 *
 * A path is what a thread held, in order, and what it asked for then: a chain
 * of nodes, each with a lock, how and where it was taken, and the node before
 * it. A wait is the last node of a path, a thread and a segment. A thread's
 * segment changes when it creates a thread or has joined one: within one
 * segment all it does is ordered alike with what other threads do.
 *
 * Everything shared only grows, by compare-and-exchange: no lock, and a signal
 * handler may come at any point.
 */
#include "perturb.h"

#include <link.h>
#include <string.h>

enum {
	HEADS = 4096, /* of the chains of each table */
	HELD_MAX = 32,
	SITE_BITS = 32,
};

/* How a lock was taken, in the record: enum shim_how and this. */
enum { WRITERS_FIRST = 4 };

/* One that the calling thread holds. */
struct held {
	void *lock;
	uint32_t site; /* where it was taken, from the program's beginning */
	uint16_t how;
	uint16_t again; /* how often it was taken over again */
};

/* A table of the record, with what finds its entries. */
struct table {
	struct shim_entry *entries; /* the first one is never used */
	_Atomic uint32_t *used;
	uint32_t size;
	_Atomic uint32_t heads[HEADS];
};

/* NULL where nothing is recorded. Set before there is a second thread. */
static struct shim_record *record;
static struct table locks, nodes, waits;

/* Which threads have a pthread_t: chains by it, from the youngest on. */
static _Atomic uint32_t thread_heads[HEADS];
static uint32_t thread_next[SHIM_THREADS];
static pthread_t thread_ids[SHIM_THREADS];

/* In each thread's own block, as in perturb.c: no allocation. */
#define OWN static _Thread_local __attribute__((tls_model("initial-exec")))
OWN struct held held[HELD_MAX];
OWN int depth;
OWN int unseen; /* locks held that held[] had no room for */
OWN uint32_t self, segment;
OWN void *c11_caller;

/* The linker's words for where the shim begins, and where its code ends. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

/* -- tables ---------------------------------------------------------------- */

static uint32_t
bucket(uint64_t a, uint64_t b)
{
	uint64_t x =
	    a * UINT64_C(0x9E3779B97F4A7C15) ^ b * UINT64_C(0xD1B54A32D192ED03);

	return (uint32_t)(x >> 40) % HEADS;
}

/* Now: a number that is larger than that of all that came before. */
static uint64_t
now(void)
{
	return atomic_fetch_add(&record->now, 1) + 1;
}

/* The entry of a chain with this key, from `from` up to `until`; 0: none. */
static uint32_t
find(struct table *table, uint32_t from, uint32_t until, uint64_t a, uint64_t b)
{
	uint32_t i;

	for (i = from; i != until; i = table->entries[i].next)
		if (table->entries[i].a == a && table->entries[i].b == b)
			return i;
	return 0;
}

/* A new entry that nobody finds yet; 0 where there is no room, which counts. */
static uint32_t
new_entry(struct table *table, uint64_t a, uint64_t b)
{
	uint32_t i = atomic_load(table->used);

	do {
		if (i + 1 >= table->size) {
			shim_count(&record->lost);
			return 0;
		}
	} while (!atomic_compare_exchange_weak(table->used, &i, i + 1));
	i++;
	table->entries[i].a = a;
	table->entries[i].b = b;
	table->entries[i].when = now();
	return i;
}

/*
 * The entry with this key, made where there is none; 0 where there is no room.
 * Two threads may make it at once: the second finds the first one's, and its
 * own stays where nobody looks for it, a harmless copy.
 */
static uint32_t
entry_of(struct table *table, uint64_t a, uint64_t b)
{
	_Atomic uint32_t *head = &table->heads[bucket(a, b)];
	uint32_t first = atomic_load(head), seen = 0, mine = 0, found;

	for (;;) {
		found = find(table, first, seen, a, b);
		if (found)
			return found;
		if (!mine)
			mine = new_entry(table, a, b);
		if (!mine)
			return 0;
		table->entries[mine].next = seen = first;
		if (atomic_compare_exchange_strong(head, &first, mine))
			return mine;
	}
}

/* -- paths ----------------------------------------------------------------- */

/*
 * A lock's entry: its address and 0. Where a lock is destroyed, or made anew,
 * the entry's second word becomes another, and is not found again.
 */
static uint32_t
lock_entry(void *lock)
{
	return entry_of(&locks, (uintptr_t)lock, 0);
}

/* The node after `before` (0: none) for a lock; 0 where there is no room. */
static uint32_t
node_after(uint32_t before, void *lock, unsigned how, uint32_t site)
{
	uint32_t entry = lock_entry(lock);

	if (!entry)
		return 0;
	return entry_of(&nodes, (uint64_t)how << SITE_BITS | site,
	    (uint64_t)before << SITE_BITS | entry);
}

/* Put down that this thread, holding what it holds, asks for a lock. */
static void
put_down(void *lock, unsigned how, uint32_t site)
{
	uint32_t node = 0;
	int i;

	for (i = 0; i < depth; i++) {
		node =
		    node_after(node, held[i].lock, held[i].how, held[i].site);
		if (!node)
			return;
	}
	node = node_after(node, lock, how, site);
	if (!node)
		return;
	if (self >= SHIM_THREADS || unseen)
		shim_count(&record->lost);
	else
		entry_of(&waits, (uint64_t)node << SITE_BITS | self, segment);
}

/* -- what a thread holds ---------------------------------------------------- */

/* The place of a lock among those that this thread holds; -1: it does not. */
static int
place_of(void *lock)
{
	int i;

	for (i = depth - 1; i >= 0; i--)
		if (held[i].lock == lock)
			return i;
	return -1;
}

bool
shim_is_ours(const void *address)
{
	const char *at = address;

	return at >= __ehdr_start && at < etext;
}

uint32_t
shim_site_of(void *caller)
{
	const char *at = caller;
	uint64_t offset;

	if (!record)
		return 0;
	if (shim_is_ours(at))
		at = c11_caller;
	offset = (uintptr_t)at - record->bias;
	return offset <= UINT32_MAX ? (uint32_t)offset : 0;
}

/*
 * Count that a lock is taken at a site. A program that takes its locks only
 * where it is watched shows by that: see labkit/reports/lockuse.py. Where the table is
 * full, a site is not counted.
 */
static void
count_site(uint32_t site)
{
	enum { TRIES = 32 };
	uint32_t i, place = bucket(site, 1);

	for (i = 0; site && i < TRIES; i++) {
		struct shim_site *s = &record->sites[(place + i) % SHIM_SITES];
		uint32_t found = 0;

		if (atomic_load(&s->site) == site ||
		    atomic_compare_exchange_strong(&s->site, &found, site) ||
		    found == site) {
			atomic_fetch_add(&s->taken, 1);
			return;
		}
	}
}

void
shim_taken_at(void *caller)
{
	if (record)
		count_site(shim_site_of(caller));
}

void
shim_lock_called(void *caller)
{
	c11_caller = caller;
}

enum shim_how
shim_how_of(const pthread_rwlock_t *lock, enum shim_how how)
{
	/* What glibc keeps of the attribute; PREFER_WRITER_NP does nothing. */
	if (lock->__data.__flags ==
	    PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP)
		return (enum shim_how)(how | WRITERS_FIRST);
	return how;
}

void
shim_lock_wanted(void *lock, enum shim_how how, void *caller)
{
	if (!record || (!depth && !(how & WRITERS_FIRST)))
		return;
	if (place_of(lock) < 0)
		put_down(lock, how, shim_site_of(caller));
}

void
shim_lock_taken(void *lock, enum shim_how how, void *caller)
{
	int place;

	if (!record)
		return;
	count_site(shim_site_of(caller));
	place = depth ? place_of(lock) : -1;
	/* It did not wait; labkit/reports/stubborn.py looks whether it would have. */
	if ((how & SHIM_TRIED) && depth && place < 0)
		put_down(lock, how, shim_site_of(caller));
	if (place >= 0) {
		held[place].again++;
	} else if (depth == HELD_MAX) {
		unseen++;
	} else {
		/* In this order: a handler that comes here takes the next. */
		place = depth;
		held[place].lock = NULL;
		atomic_signal_fence(memory_order_seq_cst);
		depth++;
		atomic_signal_fence(memory_order_seq_cst);
		held[place].site = shim_site_of(caller);
		held[place].how = (uint16_t)how;
		held[place].again = 0;
		held[place].lock = lock;
		shim_flight_holds(place, lock, held[place].site, how);
		shim_flight_depth(depth);
	}
}

void
shim_lock_given(void *lock)
{
	int place;

	if (!record)
		return;
	place = place_of(lock);
	if (place < 0) {
		if (unseen)
			unseen--;
	} else if (held[place].again) {
		held[place].again--;
	} else {
		/* Not memmove, which a tool would see. */
		for (depth--; place < depth; place++) {
			held[place] = held[place + 1];
			shim_flight_holds(place, held[place].lock,
			    held[place].site, held[place].how);
		}
		shim_flight_depth(depth);
	}
}

void
shim_lock_ended(void *lock)
{
	uint32_t first, found;

	if (!record)
		return;
	first = atomic_load(&locks.heads[bucket((uintptr_t)lock, 0)]);
	found = find(&locks, first, 0, (uintptr_t)lock, 0);
	if (found)
		locks.entries[found].b = now();
}

/* -- threads ---------------------------------------------------------------- */

void
shim_order_creates(uint64_t number, void *routine, void *caller)
{
	struct shim_thread *thread;

	if (!record)
		return;
	shim_flight_creates(number, routine, caller);
	segment++;
	if (number >= SHIM_THREADS)
		return;
	thread = &record->threads[number];
	thread->creator = self;
	thread->routine = (uintptr_t)routine - record->bias;
	thread->site = shim_site_of(caller);
	thread->created = now();
}

void
shim_order_begins(uint64_t number)
{
	_Atomic uint32_t *head;
	uint32_t me, first;

	if (!record)
		return;
	self = me = number < SHIM_THREADS ? (uint32_t)number : SHIM_THREADS;
	if (me == SHIM_THREADS)
		return;
	thread_ids[me] = pthread_self();
	head = &thread_heads[bucket(thread_ids[me], 0)];
	first = atomic_load(head);
	do
		thread_next[me] = first;
	while (!atomic_compare_exchange_weak(head, &first, me));
}

/*
 * The oldest thread of this name that nobody has joined: a name is given again
 * only after that. 0: not begun yet, or the main thread.
 */
static uint32_t
number_of(pthread_t id)
{
	uint32_t i, found = 0;

	i = atomic_load(&thread_heads[bucket(id, 0)]);
	for (; i; i = thread_next[i])
		if (thread_ids[i] == id && !record->threads[i].joined)
			found = i;
	return found;
}

uint32_t
shim_order_joining(pthread_t id)
{
	return record ? number_of(id) : 0;
}

void
shim_order_joined(uint32_t number, pthread_t id)
{
	if (!record)
		return;
	if (!number) /* it had not even begun */
		number = number_of(id);
	segment++;
	if (!number)
		return;
	record->threads[number].joiner = self;
	record->threads[number].joined = now();
}

/* -- set-up ----------------------------------------------------------------- */

static void
set_up_table(struct table *table, struct shim_entry *entries,
    _Atomic uint32_t *used, uint32_t size)
{
	table->entries = entries;
	table->used = used;
	table->size = size;
}

void
shim_locks_set_up(struct shim_record *shared)
{
	set_up_table(&locks, shared->locks, &shared->locks_used, SHIM_LOCKS);
	set_up_table(&nodes, shared->nodes, &shared->nodes_used, SHIM_NODES);
	set_up_table(&waits, shared->waits, &shared->waits_used, SHIM_WAITS);
	shared->locks_used = shared->nodes_used = shared->waits_used = 0;
	shared->lost = 0;
	if (shared->now) /* there was another program before an exec */
		memset(shared->threads, 0, sizeof shared->threads);
	memset(shared->sites, 0, sizeof shared->sites);
	shared->now = 0;
	shared->bias = _r_debug.r_map ? _r_debug.r_map->l_addr : 0;
	shared->version = SHIM_RECORD_VERSION;
	shared->magic = SHIM_RECORD_MAGIC;
	record = shared;
}

void
shim_locks_forked(void)
{
	record = NULL;
}
