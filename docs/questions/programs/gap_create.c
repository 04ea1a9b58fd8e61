/* Has a sum added up by another thread, and says who did it. */

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct task {
	int a, b;      /* in */
	int sum;       /* out */
	pthread_t who; /* out: the thread that has done it */
};

/* The thread: argument is its struct task. */
static void *
add(void *argument)
{
	struct task *task = argument;

	task->sum = task->a + task->b;
	task->who = pthread_self();
	return NULL;
}

int
main(void)
{
	struct task task = {.a = 20, .b = 22, .who = pthread_self()};
	pthread_t thread = pthread_self();
	int error = -1;

	/* GAP */
	if (error != 0) {
		printf("not started: %s\n", strerror(error));
		return 1;
	}
	pthread_join(thread, NULL);
	printf("%d, by %s\n", task.sum,
	    pthread_equal(task.who, pthread_self()) ? "main" : "a thread");
	return 0;
}
