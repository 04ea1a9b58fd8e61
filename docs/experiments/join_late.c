/*
 * A newcomer gets what was said before, and then what is said. Copying the one
 * and registering for the other are two steps or one: see what is lost, what
 * comes twice, when somebody speaks between them. Messages are letters.
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char history[8];  /* guarded by lock, as all below */
static char received[8]; /* by the newcomer */
static int registered;
static sem_t may_speak, has_spoken;

static void
say(const char *letter)
{
	pthread_mutex_lock(&lock);
	strcat(history, letter);
	if (registered)
		strcat(received, letter);
	pthread_mutex_unlock(&lock);
}

static void *
speaker_main(void *unused)
{
	sem_wait(&may_speak);
	say("B");
	sem_post(&has_spoken);
	return unused;
}

static void
copy_locked(void)
{
	strcat(received, history);
}

static void
register_locked(void)
{
	registered = 1;
}

/* Two critical sections, between which another thread speaks. */
static void
enter_in_two_steps(void (*first)(void), void (*second)(void))
{
	pthread_mutex_lock(&lock);
	first();
	pthread_mutex_unlock(&lock);
	sem_post(&may_speak);
	sem_wait(&has_spoken);
	pthread_mutex_lock(&lock);
	second();
	pthread_mutex_unlock(&lock);
}

/* One: who wants to speak meanwhile waits for the lock. */
static void
enter_in_one_step(void (*first)(void), void (*second)(void))
{
	pthread_mutex_lock(&lock);
	first();
	sem_post(&may_speak);
	second();
	pthread_mutex_unlock(&lock);
	sem_wait(&has_spoken);
}

/* A is said before the newcomer comes, C when he is there. */
static void
show(const char *title, void (*enter)(void (*)(void), void (*)(void)),
    void (*first)(void), void (*second)(void))
{
	pthread_t speaker;

	history[0] = received[0] = '\0';
	registered = 0;
	say("A");
	if (pthread_create(&speaker, NULL, speaker_main, NULL) != 0)
		exit(1);
	enter(first, second);
	say("C");
	pthread_join(speaker, NULL);
	printf(
	    "%s: history %s, the newcomer has %s\n", title, history, received);
}

int
main(void)
{
	sem_init(&may_speak, 0, 0);
	sem_init(&has_spoken, 0, 0);
	show(
	    "copy, register", enter_in_two_steps, copy_locked, register_locked);
	show(
	    "register, copy", enter_in_two_steps, register_locked, copy_locked);
	show("in one step", enter_in_one_step, copy_locked, register_locked);
}
