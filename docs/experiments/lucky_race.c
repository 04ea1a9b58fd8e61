/*
 * lucky_race - a race whose test passes every time
 *
 * Two threads add one to the same variable without a lock. The second one
 * happens to come later, so the sum is right in each run; ThreadSanitizer
 * reports the race all the same. That is the bug that this program shows.
 */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

static int counter;     /* guarded by nothing: the bug */
static atomic_int turn; /* lets the threads go one after the other */

/*
 * Waits for its turn, as if by luck: a relaxed atomic orders nothing but
 * itself (C11 7.17.3), so the two additions still race.
 */
static void
come_in_turn(int number)
{
	while (atomic_load_explicit(&turn, memory_order_relaxed) != number)
		sched_yield();
}

static void *
count(void *argument)
{
	int number = *(int *)argument;

	come_in_turn(number);
	counter++;
	atomic_store_explicit(&turn, number + 1, memory_order_relaxed);
	return NULL;
}

int
main(void)
{
	pthread_t threads[2];
	int numbers[2] = {0, 1};

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count, &numbers[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("counter %d: the test passes\n", counter);
	return 0;
}
