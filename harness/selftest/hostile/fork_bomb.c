/*
 * Every process starts others for as long as it lives: but not more than MOST
 * of them altogether, and none for longer than ten seconds, so that a harness
 * which cannot stop it does not take the machine down with it. Not outside a
 * process namespace of its own, where its id would be large.
 */
#define _DEFAULT_SOURCE
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST = 200 };

int
main(void)
{
	atomic_int *count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (count == MAP_FAILED || getpid() > 100)
		return 1;
	for (;;) {
		if (atomic_fetch_add(count, 1) < MOST)
			(void)!fork();
		alarm(10);
		usleep(20 * 1000);
	}
}
