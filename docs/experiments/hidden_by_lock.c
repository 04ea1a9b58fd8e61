/*
 * hidden_by_lock - the same race, in a schedule that hides it and one that doesn't
 *
 *	hidden_by_lock writer|reader
 *
 * The writer sets `answer` without a lock, then uses a mutex for something
 * else. The reader uses that mutex for something else, then reads `answer`.
 * The argument says who comes first. If it is the writer, the mutex orders
 * the two by chance, and ThreadSanitizer is silent. That is what this shows.
 */

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int handled; /* guarded by lock */
static int answer;  /* guarded by nothing: the bug */
static bool writer_first;
static atomic_int done; /* how many have finished; relaxed: it orders nothing */

static void
wait_for(int number)
{
	while (atomic_load_explicit(&done, memory_order_relaxed) < number)
		sched_yield();
}

static void
count_handled(void)
{
	pthread_mutex_lock(&lock);
	handled++;
	pthread_mutex_unlock(&lock);
}

static void *
write_answer(void *unused)
{
	wait_for(writer_first ? 0 : 1);
	answer = 42;
	count_handled();
	atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
	return unused;
}

static void *
read_answer(void *unused)
{
	wait_for(writer_first ? 1 : 0);
	count_handled();
	printf("the answer is %d\n", answer);
	atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
	return unused;
}

int
main(int argc, char **argv)
{
	pthread_t writer, reader;

	writer_first = argc < 2 || strcmp(argv[1], "reader") != 0;
	pthread_create(&writer, NULL, write_answer, NULL);
	pthread_create(&reader, NULL, read_answer, NULL);
	pthread_join(writer, NULL);
	pthread_join(reader, NULL);
	return 0;
}
