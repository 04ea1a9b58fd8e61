/*
 * C11 threads: a turn that goes round by mtx_t and cnd_t, call_once, results.
 * Correct; with the argument `race` a counter is touched without the mutex.
 */
#include <string.h>
#include <threads.h>
#include <time.h>

enum { THREADS = 3, ROUNDS = 5 };

static mtx_t mutex;
static cnd_t turn_changed;
static int turn; /* under mutex */
static int made_once;
static once_flag once = ONCE_FLAG_INIT;
static int counter;
static int racing; /* set before any thread */

static void
make_once(void)
{
	made_once++;
}

static int
worker(void *argument)
{
	int i, self = *(int *)argument;

	call_once(&once, make_once);
	if (racing)
		counter++; /* RACE: counter */
	for (i = 0; i < ROUNDS; i++) {
		mtx_lock(&mutex);
		while (turn % THREADS != self)
			cnd_wait(&turn_changed, &mutex);
		turn += made_once;
		cnd_broadcast(&turn_changed);
		mtx_unlock(&mutex);
	}
	return self + 10;
}

/* A recursive mutex, and time limits. Returns 0 if all is right. */
static int
try_the_rest(void)
{
	struct timespec now;
	mtx_t twice;
	int wrong;

	timespec_get(&now, TIME_UTC);
	if (mtx_init(&twice, mtx_recursive | mtx_timed) != thrd_success)
		return 1;
	wrong = mtx_lock(&twice) != thrd_success ||
	    mtx_trylock(&twice) != thrd_success ||
	    mtx_timedlock(&twice, &now) != thrd_success;
	mtx_unlock(&twice);
	mtx_unlock(&twice);
	mtx_unlock(&twice);
	mtx_destroy(&twice);
	mtx_lock(&mutex);
	wrong |= cnd_timedwait(&turn_changed, &mutex, &now) != thrd_timedout;
	mtx_unlock(&mutex);
	return wrong;
}

int
main(int argc, char **argv)
{
	int selves[THREADS], i, result, wrong;
	thrd_t threads[THREADS];

	racing = argc > 1 && strcmp(argv[1], "race") == 0;
	if (mtx_init(&mutex, mtx_plain) || cnd_init(&turn_changed))
		return 2;
	wrong = try_the_rest();
	for (i = 0; i < THREADS; i++) {
		selves[i] = i;
		if (thrd_create(&threads[i], worker, &selves[i]))
			return 2;
	}
	for (i = 0; i < THREADS; i++)
		wrong |= thrd_join(threads[i], &result) || result != i + 10;
	cnd_destroy(&turn_changed);
	mtx_destroy(&mutex);
	return wrong || turn != THREADS * ROUNDS || made_once != 1;
}
