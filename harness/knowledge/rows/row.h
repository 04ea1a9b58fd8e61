/*
 * The frame of every row of the table "what the tools know": two threads, and
 * one call that keeps them apart or puts one before the other. A row says in
 * its first line which call that is; ../README.md says how rows are measured.
 *
 * BROKEN chooses the twin:
 *	0  the correct program,
 *	1  the same without the one order, so that there is a data race,
 *	2  rows about a lock: the second thread ends and has the lock still.
 */
#ifndef ROW_H
#define ROW_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef ROW_IN_GROUP
/* Many rows in one program: each main has another name, and ../group.c calls it. */
extern int row_broken;
#define BROKEN row_broken
#define main   ROW_IN_GROUP
int main(void);
#elif !defined BROKEN
#define BROKEN 0
#endif

enum { ROUNDS = 5 };

/* What must be true whatever the threads do; else the row itself is wrong. */
#define must(what) ((what) ? (void)0 : row_failed(__FILE__, __LINE__, #what))

static inline void
row_failed(const char *file, int line, const char *what)
{
	dprintf(2, "%s:%d: not true: %s (errno: %s)\n", file, line, what,
	    strerror(errno));
	_exit(3);
}

/*
 * The right one has heard the news; the broken one may have heard nothing. It
 * is asked in both: a compiler leaves out the reading of what nobody asks for.
 */
#define must_have_heard(news) must((news) == 1 || (BROKEN && (news) == 0))

/* A time of a clock that is so many milliseconds from now. */
static inline struct timespec
in_ms(clockid_t clock, long ms)
{
	struct timespec time;

	clock_gettime(clock, &time);
	time.tv_nsec += ms % 1000 * 1000000;
	time.tv_sec += ms / 1000 + time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

/* A time that no row lives to see, and one that it waits for. */
#define IN_A_MINUTE(clock) in_ms(clock, 60000)
#define IN_A_MOMENT(clock) in_ms(clock, 5)

struct row_job {
	void (*function)(void);
};

static inline void *
row_thread(void *job)
{
	((struct row_job *)job)->function();
	return NULL;
}

/* Run a function in another thread, to its end. */
static inline void
in_another_thread(void (*function)(void))
{
	struct row_job job = {function};
	pthread_t thread;

	must(pthread_create(&thread, NULL, row_thread, &job) == 0);
	must(pthread_join(thread, NULL) == 0);
}

/* Run two functions in a thread each, both at once. */
static inline void
in_two_threads(void (*first)(void), void (*second)(void))
{
	struct row_job jobs[2] = {{first}, {second}};
	pthread_t threads[2];

	must(pthread_create(&threads[0], NULL, row_thread, &jobs[0]) == 0);
	must(pthread_create(&threads[1], NULL, row_thread, &jobs[1]) == 0);
	must(pthread_join(threads[0], NULL) == 0);
	must(pthread_join(threads[1], NULL) == 0);
}

static inline void
nothing(void)
{
}

/*
 * A row about a lock: two threads count, each while it has the lock. The
 * broken one's second thread does not take it; or it takes it when the first
 * has ended, and keeps it. before and after run in the main thread.
 */
#define LOCK_ROW(before, take, give, after)                       \
	static int row_count;                                     \
	static void row_first(void)                               \
	{                                                         \
		for (int i = 0; i < ROUNDS; i++) {                \
			take();                                   \
			row_count++;                              \
			give();                                   \
		}                                                 \
	}                                                         \
	static void row_second(void)                              \
	{                                                         \
		for (int i = 0; i < (BROKEN ? 1 : ROUNDS); i++) { \
			if (BROKEN != 1)                          \
				take();                           \
			row_count++;                              \
			if (BROKEN == 0)                          \
				give();                           \
		}                                                 \
	}                                                         \
	int main(void)                                            \
	{                                                         \
		before();                                         \
		if (BROKEN == 2) {                                \
			in_another_thread(row_first);             \
			in_another_thread(row_second);            \
			return 0;                                 \
		}                                                 \
		in_two_threads(row_first, row_second);            \
		must(BROKEN || row_count == 2 * ROUNDS);          \
		after();                                          \
		return 0;                                         \
	}

/*
 * A row about a message: one thread writes a variable and says so, the other
 * reads it when it has heard. The broken one says so first.
 */
#define MESSAGE_ROW(before, say, hear, after)           \
	static int row_news, row_heard;                 \
	static void row_sender(void)                    \
	{                                               \
		if (!BROKEN)                            \
			row_news = 1;                   \
		say();                                  \
		if (BROKEN)                             \
			row_news = 1;                   \
	}                                               \
	static void row_hearer(void)                    \
	{                                               \
		hear();                                 \
		row_heard = row_news;                   \
	}                                               \
	int main(void)                                  \
	{                                               \
		before();                               \
		in_two_threads(row_sender, row_hearer); \
		must_have_heard(row_heard);             \
		after();                                \
		return 0;                               \
	}

/*
 * A row about a thread's end: the thread writes a variable, main reads it when
 * it has waited for the end. The broken one reads first.
 */
#define JOIN_ROW(start, wait)                        \
	static int row_news, row_heard;              \
	static void *row_child(void *unused)         \
	{                                            \
		row_news = 1;                        \
		return unused;                       \
	}                                            \
	int main(void)                               \
	{                                            \
		pthread_t thread = start(row_child); \
		if (BROKEN)                          \
			row_heard = row_news;        \
		wait(thread);                        \
		if (!BROKEN)                         \
			row_heard = row_news;        \
		must_have_heard(row_heard);          \
		return 0;                            \
	}

/* Start a thread as most programs do. */
static inline pthread_t
row_start(void *(*routine)(void *))
{
	pthread_t thread;

	must(pthread_create(&thread, NULL, routine, NULL) == 0);
	return thread;
}

#endif
