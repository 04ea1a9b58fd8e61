/*
 * own_stacks - two threads in one function: each has locals of its own
 *
 * The stacks are separate, but they lie in one address space: a thread can
 * read another one's local variable, if it is given the address.
 */

#define _GNU_SOURCE /* pthread_getattr_np */

#include <err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What a thread leaves for main to print. */
struct worker {
	int number;
	uintptr_t stack; /* where its stack lies: the lowest address */
	size_t stack_size;
	int *local; /* where its local variable lies */
	int value;  /* what that was in the end */
};

static struct worker workers[2] = {{.number = 1}, {.number = 2}};
static pthread_barrier_t both; /* two threads that wait for each other */

/* Starts a thread, or ends the program: errors are returned, not in errno. */
static pthread_t
start(void *(*function)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, function, argument);

	if (error != 0)
		errx(1, "pthread_create: %s", strerror(error));
	return thread;
}

/* Finds out where the stack of this thread lies. */
static void
find_stack(struct worker *me)
{
	pthread_attr_t attributes;
	void *stack;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0 ||
	    pthread_attr_getstack(&attributes, &stack, &me->stack_size) != 0)
		errx(1, "no word of the stack");
	pthread_attr_destroy(&attributes);
	me->stack = (uintptr_t)stack;
}

/* The thread of a worker. Both are in here at the same time. */
static void *
work(void *argument)
{
	struct worker *me = argument;
	int local = me->number * 100;

	find_stack(me);
	me->local = &local;
	pthread_barrier_wait(&both);
	if (me->number == 1)
		*workers[1].local += 5; /* rude, but it works */
	pthread_barrier_wait(&both);
	me->value = local;
	return NULL;
}

/* Says whether a's local variable lies in the stack of b. */
static void
compare(const struct worker *a, const struct worker *b)
{
	uintptr_t where = (uintptr_t)a->local;

	printf("local of thread %d in the stack of thread %d: %s\n", a->number,
	    b->number,
	    where >= b->stack && where < b->stack + b->stack_size ? "yes"
								  : "no");
}

int
main(void)
{
	pthread_t threads[2];

	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		threads[i] = start(work, &workers[i]);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		printf("thread %d: my local is %d\n", i + 1, workers[i].value);
	}
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			compare(&workers[i], &workers[j]);
	return 0;
}
