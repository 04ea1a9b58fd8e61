/*
 * Two threads count under a lock, by a form of locking that some tool does not
 * know. The first argument says which form; with a second one, `race`, the one
 * thread leaves the lock out. Besides, where a lock answers by an error, the
 * program relies on the answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 50 };

static pthread_mutex_t mutex;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static sem_t sem;
static mtx_t mtx;
static FILE *file;
static char path[] = "/tmp/taught-XXXXXX";

static int counter;
static bool racing;

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* A moment of a clock that is far away. */
static const struct timespec *
later(clockid_t clock)
{
	static _Thread_local struct timespec until;

	clock_gettime(clock, &until);
	until.tv_sec += 60;
	return &until;
}

static void
make_mutex(int type, int robust, int protocol)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setprotocol(&attr, protocol);
	must(pthread_mutex_init(&mutex, &attr) == 0);
	pthread_mutexattr_destroy(&attr);
}

static void
make_plain(void)
{
	make_mutex(
	    PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
}

static void
make_checking(void)
{
	make_mutex(
	    PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
}

static void
make_recursive(void)
{
	make_mutex(
	    PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
}

static void
make_robust(void)
{
	make_mutex(
	    PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
}

static void
make_robust_checking(void)
{
	make_mutex(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST,
	    PTHREAD_PRIO_INHERIT);
}

static void
make_inheriting(void)
{
	make_mutex(
	    PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT);
}

static void
make_others(void)
{
	pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
	sem_init(&sem, 0, 1);
	mtx_init(&mtx, mtx_timed | mtx_recursive);
	file = tmpfile();
	close(mkstemp(path));
}

static void
lock_by_clock(void)
{
	must(pthread_mutex_clocklock(
		 &mutex, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC)) == 0);
}

static void
lock_by_realtime(void)
{
	must(pthread_mutex_clocklock(
		 &mutex, CLOCK_REALTIME, later(CLOCK_REALTIME)) == 0);
}

static void
lock_timed(void)
{
	must(pthread_mutex_timedlock(&mutex, later(CLOCK_REALTIME)) == 0);
}

static void
lock_by_trying(void)
{
	while (pthread_mutex_trylock(&mutex) != 0)
		sched_yield();
}

static void
unlock(void)
{
	must(pthread_mutex_unlock(&mutex) == 0);
}

/* Also asks for what is refused, before and after. */
static void
lock_checking(void)
{
	struct timespec past = {0};

	must(pthread_mutex_unlock(&mutex) == EPERM);
	must(pthread_mutex_lock(&mutex) == 0);
	must(pthread_mutex_lock(&mutex) == EDEADLK);
	must(pthread_mutex_timedlock(&mutex, &past) == EDEADLK);
	must(pthread_mutex_trylock(&mutex) == EBUSY);
}

static void
unlock_checking(void)
{
	unlock();
	must(pthread_mutex_unlock(&mutex) == EPERM);
}

static void
lock_twice(void)
{
	must(pthread_mutex_unlock(&mutex) == EPERM);
	must(pthread_mutex_lock(&mutex) == 0);
	must(pthread_mutex_lock(&mutex) == 0);
}

static void
unlock_twice(void)
{
	unlock();
	unlock();
}

/* The last owner may have ended with the lock held. */
static void
recover(int err)
{
	if (err == EOWNERDEAD)
		must(pthread_mutex_consistent(&mutex) == 0);
	else
		must(err == 0);
}

static void
lock_robust(void)
{
	recover(pthread_mutex_lock(&mutex));
}

static void
lock_robust_timed(void)
{
	recover(pthread_mutex_timedlock(&mutex, later(CLOCK_REALTIME)));
}

static void
lock_robust_by_clock(void)
{
	recover(pthread_mutex_clocklock(
	    &mutex, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC)));
}

static void
lock_robust_by_trying(void)
{
	int err;

	while ((err = pthread_mutex_trylock(&mutex)) == EBUSY)
		sched_yield();
	recover(err);
}

static void
write_lock_timed(void)
{
	must(pthread_rwlock_timedwrlock(&rwlock, later(CLOCK_REALTIME)) == 0);
}

static void
write_lock_by_clock(void)
{
	must(pthread_rwlock_clockwrlock(
		 &rwlock, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC)) == 0);
}

/* Reads under a lock for reading first. */
static void
read_lock_timed(void)
{
	must(pthread_rwlock_timedrdlock(&rwlock, later(CLOCK_REALTIME)) == 0);
	must(counter >= 0);
	pthread_rwlock_unlock(&rwlock);
	must(pthread_rwlock_clockrdlock(
		 &rwlock, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC)) == 0);
	must(counter >= 0);
	pthread_rwlock_unlock(&rwlock);
	pthread_rwlock_wrlock(&rwlock);
}

static void
write_lock_by_trying(void)
{
	while (pthread_rwlock_trywrlock(&rwlock) != 0)
		sched_yield();
}

static void
rw_unlock(void)
{
	must(pthread_rwlock_unlock(&rwlock) == 0);
}

static void
lock_spin(void)
{
	pthread_spin_lock(&spin);
}

static void
unlock_spin(void)
{
	pthread_spin_unlock(&spin);
}

static void
sem_down_by_clock(void)
{
	must(sem_clockwait(&sem, CLOCK_MONOTONIC, later(CLOCK_MONOTONIC)) == 0);
}

static void
sem_down_timed(void)
{
	must(sem_timedwait(&sem, later(CLOCK_REALTIME)) == 0);
}

static void
sem_down_by_trying(void)
{
	while (sem_trywait(&sem) != 0) {
		must(errno == EAGAIN);
		sched_yield();
	}
}

static void
sem_up(void)
{
	sem_post(&sem);
}

static void
mtx_down(void)
{
	must(mtx_timedlock(&mtx, later(CLOCK_REALTIME)) == thrd_success);
}

static void
mtx_up(void)
{
	mtx_unlock(&mtx);
}

static void
lock_file(void)
{
	flockfile(file);
	putc_unlocked('x', file);
}

static void
lock_file_by_trying(void)
{
	while (ftrylockfile(file) != 0)
		sched_yield();
}

static void
unlock_file(void)
{
	funlockfile(file);
}

static _Thread_local int locked_fd;

static void
lock_whole_file(void)
{
	locked_fd = open(path, O_RDONLY);
	must(flock(locked_fd, LOCK_EX) == 0);
}

static void
unlock_whole_file(void)
{
	must(flock(locked_fd, LOCK_UN) == 0);
	close(locked_fd);
}

static const struct form {
	const char *name;
	void (*make)(void);
	void (*lock)(void);
	void (*unlock)(void);
	bool dies; /* the worker ends with the lock held */
} forms[] = {
    {"mutex-clock", make_plain, lock_by_clock, unlock, false},
    {"mutex-realtime", make_plain, lock_by_realtime, unlock, false},
    {"mutex-timed", make_plain, lock_timed, unlock, false},
    {"mutex-try", make_plain, lock_by_trying, unlock, false},
    {"checking", make_checking, lock_checking, unlock_checking, false},
    {"recursive", make_recursive, lock_twice, unlock_twice, false},
    {"inheriting", make_inheriting, lock_by_clock, unlock, false},
    {"robust", make_robust, lock_robust, unlock, true},
    {"robust-timed", make_robust, lock_robust_timed, unlock, true},
    {"robust-clock", make_robust, lock_robust_by_clock, unlock, true},
    {"robust-try", make_robust, lock_robust_by_trying, unlock, true},
    {"robust-inheriting", make_robust_checking, lock_robust, unlock_checking,
	true},
    {"rwlock-timed", make_plain, write_lock_timed, rw_unlock, false},
    {"rwlock-clock", make_plain, write_lock_by_clock, rw_unlock, false},
    {"rwlock-read", make_plain, read_lock_timed, rw_unlock, false},
    {"rwlock-try", make_plain, write_lock_by_trying, rw_unlock, false},
    {"spin", make_plain, lock_spin, unlock_spin, false},
    {"sem-clock", make_plain, sem_down_by_clock, sem_up, false},
    {"sem-timed", make_plain, sem_down_timed, sem_up, false},
    {"sem-try", make_plain, sem_down_by_trying, sem_up, false},
    {"mtx-timed", make_plain, mtx_down, mtx_up, false},
    {"flockfile", make_plain, lock_file, unlock_file, false},
    {"ftrylockfile", make_plain, lock_file_by_trying, unlock_file, false},
    {"flock", make_plain, lock_whole_file, unlock_whole_file, false},
};

static const struct form *form;

static void *
worker(void *unused)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (!racing)
			form->lock();
		counter++;
		if (!racing && !(form->dies && i == ROUNDS - 1))
			form->unlock();
	}
	return unused;
}

int
main(int argc, char **argv)
{
	pthread_t thread;
	size_t i;
	int n;

	for (i = 0; i < sizeof forms / sizeof forms[0]; i++)
		if (argc > 1 && strcmp(argv[1], forms[i].name) == 0)
			form = &forms[i];
	if (argc == 1)
		for (i = 0; i < sizeof forms / sizeof forms[0]; i++)
			puts(forms[i].name);
	if (!form)
		return argc > 1 ? 2 : 0;
	racing = argc > 2;
	make_others();
	form->make();
	if (pthread_create(&thread, NULL, worker, NULL))
		return 2;
	for (n = 0; n < ROUNDS; n++) {
		form->lock();
		counter++;
		form->unlock();
	}
	pthread_join(thread, NULL);
	if (form->dies) {
		form->lock();
		form->unlock();
	}
	unlink(path);
	return !racing && counter != 2 * ROUNDS;
}
