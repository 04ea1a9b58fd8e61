/*
 * The flight recorder: what each thread has called, with what result, when and
 * from where, and what it is inside now. It lies in the file PERTURB_STATS,
 * behind the record of locks, so it outlives the program however that ends.
 *
 * Each thread writes into a ring of its own: no lock, no allocation, no system
 * call. A signal handler may come at any point; its calls take the places that
 * come next. There are two rings: one for locks and conditions, of which a
 * program makes so many, one for everything else. Threads for which no ring is
 * left have their last calls only.
 *
 * A loop is kept short: where the last calls of a ring, up to four of them, are
 * the same as those before, in name, place, object and result, they are counted
 * there and given back.
 *
 * Beside the rings: what each descriptor's number was last opened and closed
 * by, which locks each thread holds, and its last call that failed.
 *
 * Nothing here is what a tool would see: no memset, no memcpy, and the clock is
 * the C library's own.
 */
#include "perturb.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>

enum {
	NS = 1000000000,
	MOST_INSIDE = 8, /* calls that a handler's calls lie in */
	MOST_CYCLE = 4,
	TRIES = 16, /* places that are looked at for a new thread */
};

/* The kind of a call's ring, and what else the table says of it. */
static const uint8_t about[SHIM_CALLS] = {
#define FLIGHT_ABOUT(name, what) [SHIM_CALL_##name] = (what),
    FLIGHT_CALLS(FLIGHT_ABOUT)
#undef FLIGHT_ABOUT
};

/* A ring, or what stands for one. */
struct ring {
	struct shim_event *events;
	uint32_t mask; /* how many events it has, which is 2^n, less 1 */
};

/* A call that the thread is inside of; NULL: one that isn't recorded. */
struct entered {
	struct shim_event *event;
	uint32_t seq;
	uint32_t kind;
};

/* NULL where nothing is recorded. Set before there is a second thread. */
static struct shim_flight *flight;
static __typeof__(clock_gettime) *read_clock;

/* Who creates a thread, until it begins and has a place of its own. */
static struct {
	uint32_t creator, site, routine;
	uint64_t when;
} coming[FLIGHT_LIVES];

/* In each thread's own block, as in perturb.c: no allocation. */
#define OWN static _Thread_local __attribute__((tls_model("initial-exec")))
OWN struct shim_life *me; /* NULL: this thread is not recorded */
OWN struct ring rings[FLIGHT_KINDS];
OWN struct entered inside[MOST_INSIDE];
OWN int depth;
OWN uint32_t number_of_mine;

/* -- time ------------------------------------------------------------------ */

int64_t
shim_ns(const struct timespec *time)
{
	return time ? (int64_t)time->tv_sec * NS + time->tv_nsec : -1;
}

static uint64_t
now(void)
{
	struct timespec time = {0, 0};

	read_clock(CLOCK_MONOTONIC, &time);
	return (uint64_t)shim_ns(&time);
}

int64_t
shim_ns_until(clockid_t clock, const struct timespec *until)
{
	struct timespec time = {0, 0};
	int64_t left;

	if (!me || !until)
		return -1;
	read_clock(clock, &time);
	left = shim_ns(until) - shim_ns(&time);
	return left > 0 ? left : 0;
}

/* -- events ---------------------------------------------------------------- */

static struct shim_event *
event_at(unsigned kind, uint32_t seq)
{
	return &rings[kind].events[(seq - 1) & rings[kind].mask];
}

/* From now on nobody shall take it for an event. */
static void
take_down(struct shim_event *event)
{
	atomic_store_explicit(&event->check, 0, memory_order_relaxed);
	atomic_store_explicit(&event->seq, 0, memory_order_release);
}

static void
put_up(struct shim_event *event, uint32_t seq)
{
	atomic_store_explicit(
	    &event->check, (uint16_t)(2 * seq + 1), memory_order_release);
	atomic_store_explicit(&event->seq, seq, memory_order_release);
}

static bool
has_seq(struct shim_event *event, uint32_t seq)
{
	return atomic_load_explicit(&event->seq, memory_order_relaxed) == seq;
}

/* Whether both have ended, and were the same call with the same result. */
static bool
alike(const struct shim_event *a, const struct shim_event *b)
{
	return a->site == b->site && a->call == b->call && a->fd == b->fd &&
	    a->result == b->result && a->object == b->object &&
	    a->error == b->error && a->detail == b->detail &&
	    atomic_load_explicit(&a->ended, memory_order_relaxed) &&
	    atomic_load_explicit(&b->ended, memory_order_relaxed);
}

/*
 * Whether the last `length` events, up to `seq`, are one more round of the
 * cycle that the events before them are.
 */
static bool
is_round(unsigned kind, uint32_t seq, uint32_t length)
{
	uint32_t i, rounds = 0;

	for (i = 0; i < length; i++) {
		struct shim_event *new = event_at(kind, seq - i);
		struct shim_event *old = event_at(kind, seq - i - length);

		if (!has_seq(new, seq - i) || !has_seq(old, seq - i - length) ||
		    new->repeats != 1 || !alike(new, old))
			return false;
		if (i > 0 && old->repeats != rounds)
			return false;
		rounds = old->repeats;
	}
	return true;
}

/*
 * Count the last round of a cycle with those before, and give its events back.
 * A handler that has made new ones meanwhile keeps them where they are.
 */
static void
count_round(unsigned kind, uint32_t seq, uint32_t length)
{
	uint64_t used = atomic_load(&me->events[kind]), before = used - length;
	uint32_t i;

	if ((uint32_t)used != seq)
		return;
	for (i = 0; i < length; i++)
		take_down(event_at(kind, seq - i));
	if (!atomic_compare_exchange_strong(&me->events[kind], &used, before)) {
		for (i = 0; i < length; i++)
			put_up(event_at(kind, seq - i), seq - i);
		return;
	}
	for (i = 0; i < length; i++) {
		struct shim_event *old = event_at(kind, seq - i - length);
		struct shim_event *new = event_at(kind, seq - i);

		if (old->repeats < UINT32_MAX)
			old->repeats++;
		old->asked = new->asked;
		atomic_store_explicit(&old->ended,
		    atomic_load_explicit(&new->ended, memory_order_relaxed),
		    memory_order_relaxed);
	}
}

static void
shorten(unsigned kind, uint32_t seq)
{
	uint32_t length;

	for (length = 1; length <= MOST_CYCLE; length++) {
		if (2 * length > rings[kind].mask + 1 || 2 * length > seq)
			return;
		if (is_round(kind, seq, length)) {
			count_round(kind, seq, length);
			return;
		}
	}
}

/* -- descriptors ----------------------------------------------------------- */

static void
note_opened(int fd, unsigned call, uint32_t site, uint64_t when)
{
	struct shim_number *number;

	if (fd < 0 || fd >= FLIGHT_FDS)
		return;
	number = &flight->numbers[fd];
	number->opener = number_of_mine;
	number->open_site = site;
	number->open_call = (uint8_t)call;
	number->opened = when;
}

/*
 * By when the close began: since it has ended the number may have been given to
 * another thread, and even have been closed again.
 */
static void
note_closed(int fd, unsigned call, uint32_t site, uint64_t when)
{
	struct shim_number *number;

	if (fd < 0 || fd >= FLIGHT_FDS)
		return;
	number = &flight->numbers[fd];
	if (number->closed > when)
		return;
	number->closer = number_of_mine;
	number->close_site = site;
	number->close_call = (uint8_t)call;
	number->closed = when;
}

void
shim_flight_opened(int fd, enum shim_call call, void *caller)
{
	if (me)
		note_opened(fd, call, shim_site_of(caller), now());
}

/* -- calls ----------------------------------------------------------------- */

/* What the thread is inside of, for who looks from outside. */
static void
show_inside(int place)
{
	uint64_t what = 0;

	if (place > 0 && place <= MOST_INSIDE && inside[place - 1].event)
		what = (uint64_t)inside[place - 1].kind << 32 |
		    inside[place - 1].seq;
	atomic_store_explicit(&me->inside, what, memory_order_release);
}

void
shim_flight_begins(enum shim_call call, int fd, const volatile void *object,
    int detail, int64_t asked, void *caller)
{
	unsigned what = about[call], kind = what & FLIES_LOCK;
	struct shim_event *event;
	uint32_t seq;
	int place;

	if (!me)
		return;
	/* In this order: a handler that comes here takes the next place. */
	place = depth++;
	atomic_signal_fence(memory_order_seq_cst);
	if (place < 0 || place >= MOST_INSIDE)
		return;
	inside[place].event = NULL;
	if (shim_is_ours(caller))
		return;
	seq = (uint32_t)atomic_fetch_add_explicit(
		  &me->events[kind], 1, memory_order_relaxed) +
	    1;
	event = event_at(kind, seq);
	take_down(event);
	event->began = now();
	atomic_store_explicit(&event->ended, 0, memory_order_relaxed);
	event->object = (uintptr_t)object;
	event->result = 0;
	event->asked = asked;
	event->site = shim_site_of(caller);
	event->repeats = 1;
	event->fd = fd;
	event->detail = detail;
	event->call = (uint8_t)call;
	event->error = 0;
	put_up(event, seq);
	inside[place].seq = seq;
	inside[place].kind = kind;
	inside[place].event = event;
	show_inside(place + 1);
	shim_unsafe_called(call, event->site);
}

/* A number is never as large as a name, which is an address. */
void
shim_flight_joins(enum shim_call call, uint32_t number, pthread_t thread,
    int clock, int64_t asked, void *caller)
{
	uint64_t who = number ? number : (uint64_t)thread;

	shim_flight_begins(call, -1, (void *)who, clock, asked, caller);
}

void
shim_flight_object(uint64_t object)
{
	int place;

	if (!me)
		return;
	/* What the shim makes of other calls is not recorded itself. */
	for (place = depth - 1; place >= 0; place--) {
		if (place < MOST_INSIDE && inside[place].event) {
			inside[place].event->object = object;
			return;
		}
	}
}

/* The event has its result. Calls that have made others meanwhile stay. */
static void
put_result(struct shim_event *event, unsigned kind, uint32_t seq, long result,
    int error)
{
	unsigned what = about[event->call];
	uint64_t when = what & FLIES_QUICK ? event->began : now();

	event->result = result;
	event->error = error > 0 && error <= UINT8_MAX ? (uint8_t)error : 0;
	if ((what & FLIES_OPENS) && !error)
		note_opened((int)result, event->call, event->site, when);
	if ((what & FLIES_CLOSES) && !error)
		note_closed(event->fd, event->call, event->site, event->began);
	atomic_store_explicit(&event->ended, when, memory_order_release);
	if (error) {
		take_down(&me->failed);
		me->failed.began = event->began;
		atomic_store_explicit(
		    &me->failed.ended, when, memory_order_relaxed);
		me->failed.object = event->object;
		me->failed.result = result;
		me->failed.asked = event->asked;
		me->failed.site = event->site;
		me->failed.repeats = 1;
		me->failed.fd = event->fd;
		me->failed.detail = event->detail;
		me->failed.call = event->call;
		me->failed.error = event->error;
		put_up(&me->failed, seq);
	}
	shorten(kind, seq);
}

void
shim_flight_ended(long result, int error)
{
	struct entered *last;
	int place = depth - 1;

	if (!me || place < 0)
		return;
	if (place < MOST_INSIDE) {
		last = &inside[place];
		/* Unless a handler's calls have gone round the whole ring. */
		if (last->event && has_seq(last->event, last->seq))
			put_result(
			    last->event, last->kind, last->seq, result, error);
	}
	atomic_signal_fence(memory_order_seq_cst);
	depth = place;
	show_inside(place);
}

long
shim_flight_ends(long result)
{
	shim_flight_ended(result, result == -1 ? errno : 0);
	return result;
}

int
shim_flight_ends_err(int err)
{
	shim_flight_ended(err, err);
	return err;
}

void
shim_flight_timer(void)
{
	if (me)
		shim_count(&flight->timers);
}

/* A call that is not recorded is a part of the one around it. */
bool
shim_flight_is_sending(void)
{
	int place;

	for (place = depth - 1; me && place >= 0; place--) {
		if (place >= MOST_INSIDE || !inside[place].event)
			continue;
		switch (inside[place].event->call) {
		case SHIM_CALL_kill:
		case SHIM_CALL_raise:
		case SHIM_CALL_tgkill:
		case SHIM_CALL_pthread_kill:
		case SHIM_CALL_sigqueue:
		case SHIM_CALL_pthread_sigqueue:
			return true;
		default:
			return false;
		}
	}
	return false;
}

void
shim_flight_unsafe(uint64_t call, uint64_t met)
{
	uint64_t none = 0;

	if (atomic_compare_exchange_strong(&flight->met, &none, met))
		atomic_store(&flight->unsafe, call);
}

void
shim_flight_leaves_all(void)
{
	if (!me)
		return;
	depth = 0;
	show_inside(0);
}

/* -- locks that are held --------------------------------------------------- */

void
shim_flight_holds(int place, void *lock, uint32_t site, unsigned how)
{
	if (!me || place < 0 || place >= FLIGHT_HELD)
		return;
	me->held[place].lock = (uintptr_t)lock;
	me->held[place].site = site;
	me->held[place].how = how;
}

void
shim_flight_depth(int held)
{
	if (me)
		me->depth = held > 0 ? (uint32_t)held : 0;
}

/* -- threads --------------------------------------------------------------- */

/* A ring's events and their number, from its own number. */
static void
find_ring(uint32_t ring)
{
	const uint32_t long_size = FLIGHT_LONG_EVENTS + FLIGHT_LONG_LOCKS;
	const uint32_t short_size = FLIGHT_SHORT_EVENTS + FLIGHT_SHORT_LOCKS;
	bool is_long = ring < FLIGHT_LONG;
	struct shim_event *at = flight->events;

	if (is_long)
		at += ring * long_size;
	else
		at +=
		    FLIGHT_LONG * long_size + (ring - FLIGHT_LONG) * short_size;
	rings[0].events = at;
	rings[0].mask =
	    (is_long ? FLIGHT_LONG_EVENTS : FLIGHT_SHORT_EVENTS) - 1;
	rings[1].events = at + rings[0].mask + 1;
	rings[1].mask = (is_long ? FLIGHT_LONG_LOCKS : FLIGHT_SHORT_LOCKS) - 1;
}

/* Take a place that is nobody's, or a dead thread's. */
static bool
take_place(_Atomic uint64_t *owner, uint64_t mine)
{
	uint64_t other = atomic_load(owner);

	return (other == 0 || other & FLIGHT_DEAD) &&
	    atomic_compare_exchange_strong(owner, &other, mine);
}

/* A ring for a thread: the one that was given out the longest time ago. */
static uint32_t
take_ring(uint64_t mine)
{
	uint32_t i, ring;

	if (mine == 1 && take_place(&flight->owners[0], mine))
		return 1;
	for (i = 0; i < TRIES; i++) {
		ring = (uint32_t)(atomic_fetch_add(&flight->cursor, 1) %
			   (FLIGHT_RINGS - 1)) +
		    1;
		if (take_place(&flight->owners[ring], mine))
			return ring + 1;
	}
	return 0;
}

static struct shim_life *
take_life(uint64_t mine)
{
	uint64_t i;

	for (i = 0; i < TRIES; i++) {
		struct shim_life *life =
		    &flight->lives[(mine - 1 + i) % FLIGHT_LIVES];

		if (take_place(&life->owner, mine))
			return life;
	}
	return NULL;
}

/* The calls of a dead thread, whose place it was, are no more. */
static void
begin_life(struct shim_life *life, uint64_t number)
{
	uint32_t i, kind;

	for (kind = 0; kind < FLIGHT_KINDS; kind++) {
		life->events[kind] = 0;
		for (i = 0; i < FLIGHT_LAST; i++)
			take_down(&life->last[kind][i]);
	}
	take_down(&life->failed);
	life->inside = 0;
	life->depth = 0;
	life->handle = (uint64_t)pthread_self();
	life->tid = (uint32_t)syscall(SYS_gettid);
	life->creator = coming[number % FLIGHT_LIVES].creator;
	life->site = coming[number % FLIGHT_LIVES].site;
	life->routine = coming[number % FLIGHT_LIVES].routine;
	life->created = coming[number % FLIGHT_LIVES].when;
	life->began = now();
	life->ended = 0;
}

void
shim_flight_thread(uint64_t number)
{
	struct shim_life *life;
	uint32_t kind;

	if (!flight)
		return;
	number_of_mine = (uint32_t)number;
	life = take_life(number + 1);
	if (!life) {
		shim_count(&flight->unrecorded);
		return;
	}
	life->ring = 0;
	begin_life(life, number);
	life->ring = take_ring(number + 1);
	if (life->ring) {
		find_ring(life->ring - 1);
	} else {
		for (kind = 0; kind < FLIGHT_KINDS; kind++) {
			rings[kind].events = life->last[kind];
			rings[kind].mask = FLIGHT_LAST - 1;
		}
	}
	depth = 0;
	atomic_signal_fence(memory_order_seq_cst);
	me = life;
}

void
shim_flight_creates(uint64_t number, void *routine, void *caller)
{
	if (!flight)
		return;
	coming[number % FLIGHT_LIVES].creator = number_of_mine;
	coming[number % FLIGHT_LIVES].when = now();
	coming[number % FLIGHT_LIVES].site = shim_site_of(caller);
	coming[number % FLIGHT_LIVES].routine =
	    shim_is_ours(routine) ? 0 : shim_site_of(routine);
}

void
shim_flight_thread_ends(void)
{
	struct shim_life *life = me;

	if (!life)
		return;
	me = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	life->inside = 0;
	atomic_store(&life->ended, now());
	if (life->ring)
		atomic_fetch_or(&flight->owners[life->ring - 1], FLIGHT_DEAD);
	atomic_fetch_or(&life->owner, FLIGHT_DEAD);
}

/* -- set-up ---------------------------------------------------------------- */

static void
write_names(void)
{
	static const char *const names[SHIM_CALLS] = {
#define FLIGHT_NAMED(name, what) [SHIM_CALL_##name] = #name,
	    FLIGHT_CALLS(FLIGHT_NAMED)
#undef FLIGHT_NAMED
	};
	size_t i;

	for (i = 0; i < SHIM_CALLS; i++)
		strncpy(flight->names[i], names[i], FLIGHT_NAME_BYTES - 1);
}

/* What was before an exec is forgotten. */
static void
forget(void)
{
	uint32_t i;

	for (i = 0; i < FLIGHT_LIVES; i++)
		if (flight->lives[i].owner)
			flight->lives[i].owner = flight->lives[i].ended = 0;
	for (i = 0; i < FLIGHT_RINGS; i++)
		if (flight->owners[i])
			flight->owners[i] = 0;
	for (i = 0; i < FLIGHT_FDS; i++)
		if (flight->numbers[i].opened || flight->numbers[i].closed)
			flight->numbers[i].opened = flight->numbers[i].closed =
			    0;
	flight->cursor = flight->unrecorded = flight->timers = 0;
	flight->unsafe = flight->met = 0;
}

void
shim_flight_set_up(struct shim_flight *shared)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	void *found = libc ? dlsym(libc, "clock_gettime") : NULL;

	if (!found)
		shim_die("there is no such function", "clock_gettime");
	memcpy(&read_clock, &found, sizeof found);
	flight = shared;
	if (flight->magic)
		forget();
	write_names();
	flight->bias = _r_debug.r_map ? _r_debug.r_map->l_addr : 0;
	flight->version = FLIGHT_VERSION;
	flight->magic = FLIGHT_MAGIC;
	shim_flight_thread(0);
}

void
shim_flight_forked(void)
{
	me = NULL;
	flight = NULL;
}
