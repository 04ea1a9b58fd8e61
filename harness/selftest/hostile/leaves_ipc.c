/*
 * Leaves what outlives a process: shared memory, a queue, semaphores, under KEY
 * and under a name; and children that nobody asks after.
 */
#define _XOPEN_SOURCE 700
#include "hostile.h"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

int
main(void)
{
	int flags = IPC_CREAT | 0666;

	fprintf(stderr, "memory %d\n", shmget(KEY, 4096, flags) >= 0);
	fprintf(stderr, "queue %d\n", msgget(KEY, flags) >= 0);
	fprintf(stderr, "semaphores %d\n", semget(KEY, 1, flags) >= 0);
	shm_open("/labkit-hostile", O_CREAT | O_RDWR, 0666);
	for (int i = 0; i < 50; i++)
		if (fork() == 0)
			_exit(0);
	return 1;
}
