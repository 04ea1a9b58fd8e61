/*
 * Mutexes that answer by errors: error-checking and recursive ones, and robust
 * ones whose owner has died. POSIX says what they answer, and a program may
 * rely on it. To the tools the answer EDEADLK is a lock taken twice, EPERM an
 * unlock of what is not held, and EOWNERDEAD no lock at all.
 *
 * All this only where a tool looks on. The fields are those that the C
 * library's own header declares.
 */
#include "perturb.h"

#include <linux/futex.h>
#include <sys/syscall.h>

/* Of __kind: the type, and two properties. */
enum { KIND_TYPE = 3, KIND_ROBUST = 16, KIND_INHERITS = 32 };

/* A list of robust mutexes that is longer than this is damaged. */
enum { MOST_ROBUST = 1 << 16 };

/* Does the calling thread hold the mutex, by the C library's own word? */
static bool
is_mine(const pthread_mutex_t *mutex)
{
	int self = (int)syscall(SYS_gettid);

	if (mutex->__data.__kind & (KIND_ROBUST | KIND_INHERITS))
		return (mutex->__data.__lock & FUTEX_TID_MASK) == self;
	return mutex->__data.__owner == self;
}

/*
 * What locking the mutex answers for certain: EDEADLK where the caller holds
 * an error-checking one; 0 where the C library is to be asked.
 */
int
shim_lock_answer(const pthread_mutex_t *mutex)
{
	if (!config.watched ||
	    (mutex->__data.__kind & KIND_TYPE) != PTHREAD_MUTEX_ERRORCHECK)
		return 0;
	return is_mine(mutex) ? EDEADLK : 0;
}

/*
 * What unlocking it answers for certain: EPERM where the caller does not hold
 * it, and it is of a type that looks; 0 where the C library is to be asked.
 */
int
shim_unlock_answer(const pthread_mutex_t *mutex)
{
	int kind = mutex->__data.__kind;
	int type = kind & KIND_TYPE;

	if (!config.watched ||
	    (type != PTHREAD_MUTEX_ERRORCHECK &&
		type != PTHREAD_MUTEX_RECURSIVE && !(kind & KIND_ROBUST)))
		return 0;
	return is_mine(mutex) ? 0 : EPERM;
}

/*
 * After locking: where err says that the last owner died, the caller has the
 * mutex. TSan knows that of some calls, Helgrind of none.
 */
void
shim_owner_died(pthread_mutex_t *mutex, int err, bool tsan_knows)
{
	if (err == EOWNERDEAD && config.watched && !(config.tsan && tsan_knows))
		shim_tell_locked(mutex);
}

/*
 * The calling thread ends: the kernel will give back all robust mutexes that
 * it holds. It finds them in a list that the C library keeps for it, each
 * element at the same distance from the mutex's first word.
 */
void
shim_orphan_all(void)
{
	struct robust_list_head *head = NULL;
	struct robust_list *element;
	size_t size = 0;
	int left;

	if (!config.watched ||
	    syscall(SYS_get_robust_list, 0, &head, &size) != 0 || !head)
		return;
	element = head->list.next;
	for (left = MOST_ROBUST; element != &head->list && left > 0; left--) {
		/* The lowest bit says that it inherits priority. */
		element = (struct robust_list *)((uintptr_t)element & ~1ul);
		shim_tell_orphaned(
		    (void *)((char *)element + head->futex_offset));
		element = element->next;
	}
}
