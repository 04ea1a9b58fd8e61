/*
 * stuck - a deadlock, and how a debugger sees it
 *
 * Two threads move money between two accounts, in opposite directions. Each
 * locks the account it takes from, then the one it gives to: the bug. The
 * barrier is the bad luck. All that happens in a child process; its parent
 * waits until all threads sleep, and calls gdb, as you would in a terminal.
 */

#define _GNU_SOURCE

#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct account {
	pthread_mutex_t lock;
	int money; /* guarded by lock */
};

static struct account alice = {PTHREAD_MUTEX_INITIALIZER, 100};
static struct account bob = {PTHREAD_MUTEX_INITIALIZER, 100};
static pthread_barrier_t both_have_one;

static void
move_money(struct account *from, struct account *to)
{
	pthread_mutex_lock(&from->lock);
	pthread_barrier_wait(&both_have_one);
	pthread_mutex_lock(&to->lock); /* for ever */
	from->money--;
	to->money++;
	pthread_mutex_unlock(&to->lock);
	pthread_mutex_unlock(&from->lock);
}

static void *
alice_pays(void *unused)
{
	move_money(&alice, &bob);
	return unused;
}

static void *
bob_pays(void *unused)
{
	move_money(&bob, &alice);
	return unused;
}

/* The program that hangs. */
static void
get_stuck(void)
{
	pthread_t one, two;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* gdb may look: ptrace(2) */
	pthread_barrier_init(&both_have_one, NULL, 2);
	pthread_create(&one, NULL, alice_pays, NULL);
	pthread_create(&two, NULL, bob_pays, NULL);
	pthread_join(one, NULL);
	pthread_join(two, NULL);
}

/* How many threads of a process are asleep: in the state S, see proc(5). */
static int
count_asleep(pid_t pid)
{
	char path[300], letter;
	struct dirent *entry;
	int count = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid,
		    entry->d_name);
		file = isdigit(entry->d_name[0]) ? fopen(path, "r") : NULL;
		if (file == NULL)
			continue;
		if (fscanf(file, "%*d (%*[^)]) %c", &letter) == 1)
			count += letter == 'S';
		fclose(file);
	}
	if (tasks != NULL)
		closedir(tasks);
	return count;
}

static void
call_gdb(pid_t pid)
{
	char line[512];
	FILE *gdb;

	snprintf(line, sizeof(line),
	    "gdb -q -nx -batch -p %d -ex 'set print address off' "
	    "-ex 'thread apply all bt' "
	    "-ex 'print alice.lock.__data.__owner' "
	    "-ex 'print bob.lock.__data.__owner' 2>/dev/null",
	    (int)pid);
	gdb = popen(line, "r");
	if (gdb == NULL)
		err(1, "gdb");
	while (fgets(line, sizeof(line), gdb) != NULL)
		if (strchr("\nT#$", line[0]) != NULL) /* and no chatter */
			fputs(line, stdout);
	pclose(gdb);
}

int
main(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		get_stuck();
		return 0;
	}
	while (count_asleep(pid) < 3)
		sched_yield();
	call_gdb(pid);
	kill(pid, SIGKILL);
	return 0;
}
