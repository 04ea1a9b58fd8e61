/*
 * Conditions that are destroyed as early as POSIX allows: when all threads
 * that waited have been awakened, also where they have not yet come back,
 * since each must first get the mutex. To Helgrind they wait until then. So
 * under Helgrind the shim counts the threads that wait and are not awakened
 * yet; if there is none, it destroys the condition without asking Helgrind.
 * It forgets nothing by that: a condition that is made in the same place later
 * is the same to it.
 *
 * A waiter that is cancelled never comes back from Helgrind's wait: it has the
 * mutex, and Helgrind does not know.
 */
#include "perturb.h"

#include <sys/syscall.h>

/* More conditions than that are left to Helgrind. */
enum { SLOTS = 1024, PATIENCE_MS = 2000 };

/* How many are in a wait, and how many of them nobody has awakened yet. */
#define ONE_INSIDE  UINT64_C(1)
#define ONE_OWED    (UINT64_C(1) << 32)
#define MANY        (ONE_OWED - 1)
#define INSIDE(who) ((who)&MANY)
#define OWED(who)   ((who) >> 32)

struct slot {
	_Atomic(pthread_cond_t *) cond; /* whose it is for ever; NULL: free */
	_Atomic uint64_t who;
	atomic_bool cancelled; /* a waiter was: to Helgrind it still waits */
};

static struct slot slots[SLOTS];

/* The condition's slot, NULL where all are taken. Takes no lock. */
static struct slot *
slot_of(pthread_cond_t *cond)
{
	size_t first = (uintptr_t)cond / sizeof *cond, i;

	for (i = 0; i < SLOTS; i++) {
		struct slot *slot = &slots[(first + i) % SLOTS];
		pthread_cond_t *owner = NULL;

		if (atomic_load(&slot->cond) == cond)
			return slot;
		if (atomic_compare_exchange_strong(&slot->cond, &owner, cond) ||
		    owner == cond)
			return slot;
	}
	return NULL;
}

/* One has left: awakened, or because its time was over. */
static void
leave(struct slot *slot)
{
	uint64_t who = atomic_load(&slot->who), then;

	do {
		then = who - ONE_INSIDE;
		if (OWED(then) > INSIDE(then))
			then -= ONE_OWED;
	} while (!atomic_compare_exchange_weak(&slot->who, &who, then));
}

/* The waiter is cancelled; what it has cleaned up itself comes after this. */
static void
cancelled(void *argument)
{
	struct shim_wait *wait = argument;
	struct slot *slot = slot_of(wait->cond);

	shim_tell_locked(wait->mutex);
	atomic_store(&slot->cancelled, true);
	leave(slot);
}

/* The real wait; under Helgrind it is counted. Returns its error. */
int
shim_cond_wait(
    struct shim_wait *wait, int (*real_wait)(const struct shim_wait *wait))
{
	struct slot *slot = config.valgrind ? slot_of(wait->cond) : NULL;
	int err;

	if (!slot)
		return real_wait(wait);
	atomic_fetch_add(&slot->who, ONE_INSIDE + ONE_OWED);
	pthread_cleanup_push(cancelled, wait);
	err = real_wait(wait);
	pthread_cleanup_pop(0);
	leave(slot);
	return err;
}

/* Before a signal (one is awakened, if any waits) or a broadcast (all). */
void
shim_cond_signalled(pthread_cond_t *cond, bool all)
{
	struct slot *slot = config.valgrind ? slot_of(cond) : NULL;
	uint64_t who, then;

	if (!slot)
		return;
	who = atomic_load(&slot->who);
	do {
		then = all ? INSIDE(who) : who - (OWED(who) ? ONE_OWED : 0);
	} while (!atomic_compare_exchange_weak(&slot->who, &who, then));
}

/*
 * Wait as the C library does until the threads that were awakened touch the
 * condition no more: __wrefs counts them in steps of 8. They need no lock
 * for that. False where they do not come.
 */
static bool
all_have_left(pthread_cond_t *cond)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int left;

	for (left = PATIENCE_MS; left > 0; left--) {
		if (__atomic_load_n(&cond->__data.__wrefs, __ATOMIC_ACQUIRE) <
		    8)
			return true;
		syscall(SYS_nanosleep, &pause, NULL);
	}
	return false;
}

/* May it be destroyed, though Helgrind would say that it is waited for? */
static bool
is_left(pthread_cond_t *cond)
{
	struct slot *slot = config.valgrind ? slot_of(cond) : NULL;
	uint64_t who = slot ? atomic_load(&slot->who) : 0;

	if (!slot || OWED(who) > 0)
		return false;
	if (INSIDE(who) == 0 && !atomic_load(&slot->cancelled))
		return false;
	return all_have_left(cond);
}

int
pthread_cond_destroy(pthread_cond_t *cond)
{
	int err = 0;

	shim_enter(__builtin_return_address(0));
	if (!is_left(cond))
		err = FLY_ERR(pthread_cond_destroy, cond, 0, -1,
		    real.pthread_cond_destroy(cond));
	shim_leave();
	return err;
}
