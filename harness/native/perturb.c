/*
 * The perturbation shim: a library that is preloaded into a student's program
 * and makes rare schedules frequent, scarce resources scarce and short
 * transfers short, in a way that a seed repeats; and that counts what no one
 * can see from outside. Built by
 *
 *	gcc -std=c11 -O1 -g -fPIC -shared -pthread -o perturb.so perturb*.c -ldl
 *
 * and used by LD_PRELOAD, with programs built plain, with ThreadSanitizer or
 * with AddressSanitizer, and under Helgrind with perturb.supp (not under DRD).
 * The environment says what it does; what is not set is off:
 *
 *	PERTURB_SEED=n		yield or sleep around calls that matter to
 *				threads, chosen at random for each thread
 *	PERTURB_PERCENT=n	of these calls, 25 if not set
 *	PERTURB_MAX_US=n	at most so long, 2000 if not set
 *	PERTURB_MAX_THREADS=n	pthread_create fails with EAGAIN while n
 *				threads are alive
 *	PERTURB_CREATE_US=n	thread creation takes n microseconds longer
 *	PERTURB_CLOSE_US=n	a thread that has closed a connection goes on
 *				n microseconds later
 *	PERTURB_SHORT=n		stream sockets move 1 to n bytes a call
 *	PERTURB_STATS=path	counters, see struct shim_stats, the record of
 *				locks, see struct shim_record, and what each
 *				thread has called, see struct shim_flight
 *	PERTURB_HIDE=name	in the program of that name, the environment
 *				holds none of these variables afterwards
 *
 * A thread's random numbers depend on the seed and on its number in the order
 * of creation, so a thread is delayed at the same calls in every run.
 *
 * The parts that perturb: perturb.c set-up, delays;
 * perturb_threads.c creation and joining; perturb_main.c the main thread's end;
 * perturb_sync.c locks; perturb_io.c transfers and descriptors; perturb_close.c
 * what a program must not close; perturb_wait.c poll and its kin; perturb_c11.c
 * <threads.h>.
 *
 * Those that watch: perturb_record.c which thread holds which lock, with
 * perturb_locks.c, other calls of locks; perturb_flight.c what each thread
 * calls, with perturb_calls.c, other calls, and perturb_handlers.c;
 * perturb_looks.c files that tell of tools.
 *
 * Those that teach ThreadSanitizer and Helgrind calls that they don't know:
 * perturb_tell.c the calls that tell it; perturb_timed.c locks and joins with
 * a clock; perturb_answers.c mutexes that answer by errors; perturb_cond.c
 * conditions that are destroyed early; perturb_stdio.c, perturb_event.c,
 * perturb_signal.c hand-over by these; perturb_barrier.c barriers;
 * perturb_notify.c timers that call a function.
 */
#include "perturb.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum {
	PAGE_BYTES = 4096,
	FILE_BYTES = SHIM_FLIGHT_AT + sizeof(struct shim_flight),
};

struct shim_real real;
/* No limit, too, for a thread that is started before the environment is read. */
struct shim_config config = {.max_threads = UINT64_MAX};
atomic_bool shim_ready;

/* Counted into where no file is asked for, and by the children of a fork. */
static struct shim_stats private_stats;
struct shim_stats *stats = &private_stats;

/*
 * The state of the thread's random numbers, 0 before the first. Preloaded, so
 * there is room for it in every thread's own block: no allocation at the first
 * use, which may be in a signal handler.
 */
static _Thread_local uint64_t random_state
    __attribute__((tls_model("initial-exec")));

/* -- random numbers and delays ------------------------------------------- */

void
shim_random_begin(uint64_t thread_number)
{
	uint64_t x;

	x = (config.seed + 1) * UINT64_C(0x9E3779B97F4A7C15) +
	    (thread_number + 1) * UINT64_C(0xD1B54A32D192ED03);
	random_state = x ? x : 1;
}

/*
 * xorshift64*: a few instructions and no lock. A signal handler that comes in
 * between takes the same number as the call it interrupted: no harm.
 */
uint64_t
shim_random(void)
{
	uint64_t x;

	if (!random_state)
		shim_random_begin(0);
	x = random_state;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	random_state = x;
	return (x * UINT64_C(0x2545F4914F6CDD1D)) >> 20;
}

/*
 * Most races have windows of microseconds, some need another thread to do a
 * whole round: hence three lengths of sleep, each as likely as a yield.
 *
 * Also in signal handlers: a handler can lose its processor anywhere, too.
 * Raw system calls, since sched_yield and nanosleep of the C library would be
 * seen by the tools, and nanosleep is a cancellation point. A signal shortens
 * the sleep, so that a delay holds up no handler.
 */
void
shim_delay(void)
{
	static const uint64_t parts[] = {0, 20, 4, 1};
	struct timespec pause = {0, 0};
	uint64_t choice, part;
	int saved = errno;

	if (!config.delays)
		return;
	choice = shim_random();
	if (choice % 100 >= config.percent)
		return;
	part = parts[(choice >> 8) % 4];
	if (part == 0) {
		syscall(SYS_sched_yield);
	} else {
		uint64_t us = (choice >> 16) % (config.max_us / part + 1);
		pause.tv_sec = (time_t)(us / 1000000);
		pause.tv_nsec = (long)(us % 1000000) * 1000;
		syscall(SYS_nanosleep, &pause, NULL);
	}
	shim_count(&stats->delays);
	errno = saved;
}

/* Sleep for so long, or until a signal comes. Keeps errno. */
static void
sleep_us(uint64_t us)
{
	struct timespec pause = {
	    .tv_sec = (time_t)(us / 1000000),
	    .tv_nsec = (long)(us % 1000000) * 1000,
	};
	int saved = errno;

	if (us > 0)
		syscall(SYS_nanosleep, &pause, NULL);
	errno = saved;
}

void
shim_slow_creation(void)
{
	sleep_us(config.create_us);
}

void
shim_slow_close(void)
{
	sleep_us(config.close_us);
}

/* -- memory -------------------------------------------------------------- */

/*
 * Straight from the kernel: malloc belongs to the program and its tools, and a
 * thread that TSan doesn't know yet must not call it. There may be 10,000 of
 * these at once; where there is no more, thread creation fails as it should.
 */
void *
shim_page_new(void)
{
	long page;

	page = syscall(SYS_mmap, NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page == -1 ? NULL : (void *)page;
}

void
shim_page_free(void *page)
{
	syscall(SYS_munmap, page, PAGE_BYTES);
}

/* -- set-up -------------------------------------------------------------- */

_Noreturn void
shim_die(const char *what, const char *name)
{
	const char *words[] = {"perturb: ", name, ": ", what, "\n"};
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		syscall(SYS_write, STDERR_FILENO, words[i], strlen(words[i]));
	syscall(SYS_exit_group, 120);
	abort();
}

/* The number that an environment variable holds; missing where it isn't set. */
static uint64_t
number_from(const char *name, uint64_t missing)
{
	const char *text = getenv(name);
	unsigned long long value;
	char *end;

	if (!text)
		return missing;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-')
		shim_die("not a number", name);
	return value;
}

static void
read_environment(void)
{
	config.delays = getenv("PERTURB_SEED") != NULL;
	config.seed = number_from("PERTURB_SEED", 0);
	config.percent = number_from("PERTURB_PERCENT", 25);
	config.max_us = number_from("PERTURB_MAX_US", 2000);
	config.max_threads = number_from("PERTURB_MAX_THREADS", UINT64_MAX);
	config.create_us = number_from("PERTURB_CREATE_US", 0);
	config.close_us = number_from("PERTURB_CLOSE_US", 0);
	config.short_max = number_from("PERTURB_SHORT", 0);
}

/* Where the C library lies. */
static void *libc;

/*
 * What the environment told us is nothing to the program: it is the same
 * whether it is watched or not. Wiped, too, since /proc/PID/environ shows the
 * memory in which these words came. What starts the program (setarch,
 * valgrind's script) must still hand them on. The sanitizers' options, which
 * are there only where there is no sandbox, stay: UBSan reads them later.
 */
static void
forget_environment(void)
{
	static const char *const words[] = {"LD_PRELOAD=", "PERTURB_"};
	char **from, **to = environ;
	size_t i;

	for (from = environ; from && *from; from++) {
		bool ours = false;

		for (i = 0; i < sizeof words / sizeof words[0]; i++)
			ours |= !strncmp(*from, words[i], strlen(words[i]));
		if (ours)
			memset(*from, 0, strlen(*from));
		else
			*to++ = *from;
	}
	if (to)
		*to = NULL;
}

/* The object (program or library) that an address lies in. */
static void *
object_of(void *address)
{
	Dl_info info;

	return dladdr(address, &info) ? info.dli_fbase : NULL;
}

bool
shim_is_program(const void *address)
{
	void *program = object_of((void *)getauxval(AT_ENTRY));

	return object_of((void *)(uintptr_t)address) == program;
}

/*
 * The newest of a C library's versions of a function. dlsym finds the oldest,
 * whose condition variables and timers have another layout.
 */
static void *
newest(const char *name)
{
	static const char *const versions[] = {
	    "GLIBC_2.34", "GLIBC_2.3.3", "GLIBC_2.3.2"};
	void *found = NULL;
	size_t i;

	for (i = 0; !found && i < sizeof versions / sizeof versions[0]; i++)
		found = dlvsym(RTLD_NEXT, name, versions[i]);
	return found;
}

/*
 * The next function of that name: a sanitizer's, where one stands between us
 * and the C library. Asked for a version, dlvsym would pass over it.
 */
void
shim_find(const char *name, void *function, bool needed)
{
	void *found = dlsym(RTLD_NEXT, name);
	void *newer = NULL;

	if (found && object_of(found) == libc)
		newer = newest(name);
	if (newer)
		found = newer;
	if (!found && needed)
		shim_die("there is no such function", name);
	/* POSIX lets a function's address be kept in a void *; C is silent. */
	memcpy(function, &found, sizeof found);
}

static void
find_all_real(void)
{
	void *found;

	libc = object_of((void *)(uintptr_t)gnu_get_libc_version);
#define SHIM_FIND(name) shim_find(#name, &real.name, true);
	SHIM_FUNCTIONS(SHIM_FIND)
#undef SHIM_FIND
#define SHIM_FIND(name) shim_find(#name, &real.name, false);
	SHIM_OPTIONAL(SHIM_FIND)
#undef SHIM_FIND
	found = newest("pthread_barrier_wait");
	memcpy(&real.libc_barrier_wait, &found, sizeof found);
}

/*
 * Does a tool stand before this function of the C library? Behind us it is
 * what we call, in front of us it is what the program calls.
 */
static bool
is_known(const char *name)
{
	void *called = dlsym(RTLD_DEFAULT, name);
	void *next = dlsym(RTLD_NEXT, name);

	if (config.tsan_in_front)
		return called && object_of(called) != object_of(&real);
	return next && object_of(next) != libc;
}

/*
 * Is there a tool that must be told, and where does it stand? gcc's runtimes
 * are libraries behind us: the program calls us, we call them. clang's are
 * part of the program: it calls them, they call us.
 */
static void
find_tools(void)
{
	config.tsan = __tsan_func_entry && __tsan_func_exit && __tsan_acquire &&
	    __tsan_release;
	config.tsan_in_front = config.tsan &&
	    shim_is_program((void *)(uintptr_t)__tsan_func_entry);
	config.knows_mutex_clocklock = is_known("pthread_mutex_clocklock");
	config.knows_rwlock_clock = is_known("pthread_rwlock_clockwrlock");
	config.knows_clockjoin = is_known("pthread_clockjoin_np");
}

/*
 * Map the file at path; NULL where that fails. Its blocks are taken now: a
 * full disk must not end the program when it touches a page.
 */
static struct shim_stats *
map_stats(const char *path)
{
	long fd, place = -1;

	fd = syscall(
	    SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return NULL;
	if (syscall(SYS_fallocate, fd, 0, 0, FILE_BYTES) == 0 ||
	    (errno == EOPNOTSUPP &&
		syscall(SYS_ftruncate, fd, FILE_BYTES) == 0))
		place = syscall(SYS_mmap, NULL, FILE_BYTES,
		    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	return place == -1 ? NULL : (struct shim_stats *)place;
}

/*
 * Count into the file from now on, if it is this process's. The environment is
 * inherited by programs that the process starts, a sanitizer's symbolizer for
 * one: they must not count into it. What was before an exec (setarch, prlimit)
 * is forgotten.
 */
static void
open_stats(const char *path)
{
	struct shim_stats *file = map_stats(path);
	uint64_t owner = 0, self = (uint64_t)syscall(SYS_getpid);

	if (!file)
		shim_die("cannot be written", "PERTURB_STATS");
	if (!atomic_compare_exchange_strong(&file->pid, &owner, self) &&
	    owner != self) {
		syscall(SYS_munmap, file, FILE_BYTES);
		return;
	}
	memset(&file->created, 0,
	    sizeof *file - offsetof(struct shim_stats, created));
	file->version = SHIM_VERSION;
	file->magic = SHIM_MAGIC;
	stats = file;
	shim_locks_set_up(
	    (struct shim_record *)((char *)file + SHIM_RECORD_AT));
	shim_flight_set_up(
	    (struct shim_flight *)((char *)file + SHIM_FLIGHT_AT));
}

/* In the child of a fork: its threads are its own, and so are its counters. */
static void
fork_in_child(void)
{
	stats = &private_stats;
	shim_threads_forked();
	shim_locks_forked();
	shim_flight_forked();
}

/*
 * The constructor has a priority since constructors of others come after it;
 * some call us even before, therefore every wrapper looks. No program has two
 * threads then. In between, a function that set-up itself calls finds `begun`.
 */
__attribute__((constructor(101))) void
shim_set_up(void)
{
	static bool begun;
	const char *path;
	int saved = errno;

	if (begun)
		return;
	begun = true;
	find_all_real();
	find_tools();
	shim_tell_set_up();
	shim_stdio_set_up();
	shim_threads_set_up();
	read_environment();
	path = getenv("PERTURB_STATS");
	if (path) {
		open_stats(path);
		shim_close_set_up(path);
	}
	pthread_atfork(NULL, NULL, fork_in_child);
	atomic_store_explicit(&shim_ready, true, memory_order_release);
	errno = saved;
}

/*
 * Without a priority, so after the first constructor, and after the start of
 * the tools, which read their options there; before any of the program's.
 */
__attribute__((constructor)) static void
shim_hide(void)
{
	const char *program = getenv("PERTURB_HIDE");

	shim_set_up();
	if (program && strcmp(program, program_invocation_short_name) == 0)
		forget_environment();
}
