/*
 * Finds lost updates: a counter that several threads change by an atomic load
 * and an atomic store, `atomic_store(&n, atomic_load(&n) + 1)`. No tool reports
 * that, for neither access is a race. A library that is preloaded beside the
 * shim, for one run of a program that is built with ThreadSanitizer: only there
 * an atomic access is a call.
 *
 *	UPDATES_LOG=echo_server:/log/updates
 *
 * A store to what the thread has loaded before is held up for a moment, so that
 * other threads come in between. Each place that stores so is put down in the
 * file, which labkit/box/updates.py reads: by how much it changes the value,
 * whether by always the same, and how often it undid what another thread had
 * counted meanwhile. A flag that is set, a largest value or a counter under a
 * lock is none of that; what counts is decided there.
 *
 * No call here is one that a tool stands before. A signal handler that comes
 * while its thread is in here is served, and not looked at.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	PLACES = 4096,
	STORES = 1024,
	PROBES = 16,
	RECENT = 8,        /* loads that a thread remembers */
	MOST_DELAYS = 200, /* of one place */
	DELAY_NS = 2000000,
	MOST_TURNS = 1000000, /* of a wait for our own lock */
};

#define MAGIC UINT64_C(0x55504441544553) /* "UPDATES" */

/* An atomic variable, and who changed it last. */
struct place {
	uintptr_t address;
	uint64_t version; /* how often it was changed */
	uint32_t site;    /* where, the last time */
	bool counted;     /* and that was by adding to it */
};

/* A line that stores what it has loaded, of one variable: 64 bytes. */
struct store {
	uint64_t address;
	uint64_t added;  /* modulo the variable's size */
	uint64_t loaded; /* the last time */
	uint64_t found;  /* where an update was lost: what it undid, */
	uint32_t site, load_site;
	uint32_t other;     /* and where that was written */
	uint32_t different; /* how often it began from another value */
	uint32_t strange;   /* how often it added something else */
	uint32_t lost;      /* how often it undid another thread's addition */
	uint32_t delays;
	uint32_t unused;
};

_Static_assert(sizeof(struct store) == 64, "the file has a fixed form");

struct updates {
	uint64_t magic;
	uint64_t bias;
	uint64_t unused[6];
	struct store stores[STORES];
};

/* What a thread has loaded. */
struct load {
	uintptr_t address;
	uint64_t value, version;
	uint32_t site;
};

static struct updates *updates; /* NULL: nothing is looked at */
static struct place places[PLACES];
static atomic_flag lock = ATOMIC_FLAG_INIT;
static atomic_bool given_up; /* of our own lock */

#define OWN static _Thread_local __attribute__((tls_model("initial-exec")))
OWN struct load recent[RECENT];
OWN unsigned next_load;
OWN bool busy; /* this thread is in here */

extern void __tsan_func_entry(void *) __attribute__((weak));
extern void __tsan_func_exit(void) __attribute__((weak));

/* -- the record ------------------------------------------------------------ */

static bool
enter(void)
{
	unsigned turns;

	if (!updates || busy || atomic_load(&given_up))
		return false;
	busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	for (turns = 0; turns < MOST_TURNS; turns++) {
		if (!atomic_flag_test_and_set(&lock))
			return true;
		syscall(SYS_sched_yield);
	}
	atomic_store(&given_up, true);
	busy = false;
	return false;
}

static void
leave(void)
{
	atomic_flag_clear(&lock);
	atomic_signal_fence(memory_order_seq_cst);
	busy = false;
}

static uint32_t
site_of(void *caller)
{
	return (uint32_t)((uintptr_t)caller - updates->bias);
}

/* The place of an address; NULL: there is no room. The lock is held. */
static struct place *
place_of(uintptr_t address)
{
	size_t at = (address >> 2) * UINT64_C(0x9E3779B97F4A7C15) >> 32, i;

	for (i = 0; i < PROBES; i++) {
		struct place *place = &places[(at + i) % PLACES];

		if (!place->address)
			place->address = address;
		if (place->address == address)
			return place;
	}
	return NULL;
}

static struct store *
store_of(uintptr_t address, uint32_t site)
{
	size_t at = (address ^ site) * UINT64_C(0x9E3779B97F4A7C15) >> 32, i;

	for (i = 0; i < PROBES; i++) {
		struct store *store = &updates->stores[(at + i) % STORES];

		if (!store->address) {
			store->address = address;
			store->site = site;
		}
		if (store->address == address && store->site == site)
			return store;
	}
	return NULL;
}

/* What this thread has loaded from an address and not yet stored to. */
static struct load *
load_of(uintptr_t address)
{
	size_t i;

	for (i = 0; i < RECENT; i++)
		if (recent[i].address == address)
			return &recent[i];
	return NULL;
}

static void
forget(uintptr_t address)
{
	struct load *load = load_of(address);

	if (load)
		load->address = 0;
}

static void
loaded(uintptr_t address, uint64_t value, void *caller)
{
	struct place *place = place_of(address);
	struct load *load = load_of(address);

	if (!place)
		return;
	if (!load)
		load = &recent[next_load++ % RECENT];
	load->address = address;
	load->value = value;
	load->version = place->version;
	load->site = site_of(caller);
}

static void
changed(uintptr_t address, bool counted, void *caller)
{
	struct place *place = place_of(address);

	forget(address);
	if (!place)
		return;
	place->version++;
	place->site = site_of(caller);
	place->counted = counted;
}

/*
 * A value that was loaded, and perhaps changed, is stored. before: what is
 * there now; added: what it is more, modulo its size. Returns whether it counts.
 */
static bool
put_down(const struct load *load, uint64_t before, uint64_t added, void *caller)
{
	struct store *store = store_of(load->address, site_of(caller));
	struct place *place = place_of(load->address);
	bool first;

	if (!store || !place)
		return false;
	first = !store->load_site;
	if (!first && store->added != added)
		store->strange++;
	if (!first && store->loaded != load->value)
		store->different++;
	store->added = added;
	store->loaded = load->value;
	store->load_site = load->site;
	if (place->version != load->version && place->counted &&
	    before != load->value) {
		store->lost++;
		store->found = before;
		store->other = place->site;
	}
	return added != 0 && !store->strange;
}

/* Let others in between a load and a store, while that brings something. */
static void
hold_up(uintptr_t address, void *caller)
{
	struct timespec time = {0, DELAY_NS};
	struct store *store = NULL;
	bool delays;

	if (!load_of(address) || !enter())
		return;
	store = store_of(address, site_of(caller));
	delays = store && !store->strange && store->delays < MOST_DELAYS;
	if (delays)
		store->delays++;
	leave();
	if (delays)
		syscall(SYS_nanosleep, &time, NULL);
}

/* -- the calls ------------------------------------------------------------- */

/* The function behind us; the compiler's calls are few, and each looks once. */
static void *
behind(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

#define REAL(name)                     \
	static __typeof__(name) *real; \
                                       \
	if (!real)                     \
		real = behind(#name);  \
	if (__tsan_func_entry)         \
	__tsan_func_entry(caller)

#define LOAD(bits)                                               \
	uint##bits##_t __tsan_atomic##bits##_load(               \
	    const volatile uint##bits##_t *place, int order)     \
	{                                                        \
		void *caller = __builtin_return_address(0);      \
		uint##bits##_t value;                            \
		bool inside;                                     \
                                                                 \
		REAL(__tsan_atomic##bits##_load);                \
		inside = enter();                                \
		value = real(place, order);                      \
		if (inside) {                                    \
			loaded((uintptr_t)place, value, caller); \
			leave();                                 \
		}                                                \
		__tsan_func_exit();                              \
		return value;                                    \
	}

#define STORE(bits)                                                          \
	void __tsan_atomic##bits##_store(                                    \
	    volatile uint##bits##_t *place, uint##bits##_t value, int order) \
	{                                                                    \
		void *caller = __builtin_return_address(0);                  \
		bool inside, counts = false;                                 \
		struct load *load;                                           \
		uint##bits##_t added;                                        \
                                                                             \
		REAL(__tsan_atomic##bits##_store);                           \
		hold_up((uintptr_t)place, caller);                           \
		inside = enter();                                            \
		load = inside ? load_of((uintptr_t)place) : NULL;            \
		if (load) {                                                  \
			added = (uint##bits##_t)(value - load->value);       \
			counts = put_down(load, *place, added, caller);      \
		}                                                            \
		real(place, value, order);                                   \
		if (inside) {                                                \
			changed((uintptr_t)place, counts, caller);           \
			leave();                                             \
		}                                                            \
		__tsan_func_exit();                                          \
	}

/* What changes a value in one step; only adding to it counts. */
#define STEP(bits, step, counts)                                             \
	uint##bits##_t __tsan_atomic##bits##_##step(                         \
	    volatile uint##bits##_t *place, uint##bits##_t value, int order) \
	{                                                                    \
		void *caller = __builtin_return_address(0);                  \
		bool inside;                                                 \
                                                                             \
		REAL(__tsan_atomic##bits##_##step);                          \
		inside = enter();                                            \
		value = real(place, value, order);                           \
		if (inside) {                                                \
			changed((uintptr_t)place, counts, caller);           \
			leave();                                             \
		}                                                            \
		__tsan_func_exit();                                          \
		return value;                                                \
	}

/* One that fails has loaded what is there. */
#define EXCHANGE(bits, kind)                                               \
	int __tsan_atomic##bits##_compare_exchange_##kind(                 \
	    volatile uint##bits##_t *place, uint##bits##_t *wanted,        \
	    uint##bits##_t value, int order, int failing)                  \
	{                                                                  \
		void *caller = __builtin_return_address(0);                \
		bool inside;                                               \
		int done;                                                  \
                                                                           \
		REAL(__tsan_atomic##bits##_compare_exchange_##kind);       \
		inside = enter();                                          \
		done = real(place, wanted, value, order, failing);         \
		if (inside) {                                              \
			if (done)                                          \
				changed((uintptr_t)place, true, caller);   \
			else                                               \
				loaded((uintptr_t)place, *wanted, caller); \
			leave();                                           \
		}                                                          \
		__tsan_func_exit();                                        \
		return done;                                               \
	}

#define ALL(bits)                    \
	LOAD(bits)                   \
	STORE(bits)                  \
	STEP(bits, exchange, false)  \
	STEP(bits, fetch_add, true)  \
	STEP(bits, fetch_sub, true)  \
	STEP(bits, fetch_and, false) \
	STEP(bits, fetch_or, false)  \
	STEP(bits, fetch_xor, false) \
	EXCHANGE(bits, strong)       \
	EXCHANGE(bits, weak)

ALL(8)
ALL(16)
ALL(32)
ALL(64)

/* -- set-up ---------------------------------------------------------------- */

/* The path that the environment names for this program; NULL: for none. */
static char *
path_for_me(char *words)
{
	char *colon = words ? strchr(words, ':') : NULL;
	size_t length = colon ? (size_t)(colon - words) : 0;

	if (!colon || strlen(program_invocation_short_name) != length ||
	    strncmp(words, program_invocation_short_name, length) != 0)
		return NULL;
	return colon + 1;
}

/* The program does not see that it is watched. */
__attribute__((constructor)) static void
set_up(void)
{
	char *words = getenv("UPDATES_LOG"), *path = path_for_me(words);
	struct updates *shared;
	long fd, at;

	if (!path)
		return;
	fd = syscall(
	    SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	memset(words, 0, strlen(words));
	unsetenv("UPDATES_LOG");
	if (fd < 0 || syscall(SYS_ftruncate, fd, sizeof(*shared)) != 0)
		return;
	at = syscall(SYS_mmap, NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (at == -1)
		return;
	shared = (struct updates *)at;
	shared->bias = _r_debug.r_map ? _r_debug.r_map->l_addr : 0;
	shared->magic = MAGIC;
	updates = shared;
}
