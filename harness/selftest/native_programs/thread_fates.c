/* Joins 3 threads, detaches 2, creates 1 detached and forgets 4. */
#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

static void *
end_at_once(void *unused)
{
	return unused;
}

/* How many threads the process has, as the kernel says; 0 if it doesn't. */
static int
thread_count(void)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	int count = 0;

	while (tasks && (entry = readdir(tasks)))
		count += entry->d_name[0] != '.';
	if (tasks)
		closedir(tasks);
	return count;
}

int
main(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int i;

	for (i = 0; i < 9; i++) {
		pthread_create(&thread, NULL, end_at_once, NULL);
		if (i < 3)
			pthread_join(thread, NULL);
		else if (i < 5)
			pthread_detach(thread);
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_create(&thread, &attr, end_at_once, NULL);
	while (thread_count() > 1)
		usleep(1000);
	return 0;
}
