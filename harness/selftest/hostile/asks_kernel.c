/*
 * Asks the kernel for what only its master may do, each time in such a way that
 * it would change nothing. Says on stderr what it was given.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void
report(const char *what, long result)
{
	if (result >= 0)
		fprintf(stderr, "got %s\n", what);
}

int
main(void)
{
	struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};

	report("priority", setpriority(PRIO_PROCESS, 0, -20));
	report("descriptors", setrlimit(RLIMIT_NOFILE, &most));
	report("time", setrlimit(RLIMIT_CPU, &most));
	report("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
	report("root", chroot("/tmp"));
	report("device", mknod("disk", S_IFBLK | 0600, makedev(8, 0)));
	report("name", sethostname("x", 1));
	report("clock", syscall(SYS_clock_settime, 0, NULL));
	report("module", syscall(SYS_init_module, NULL, 0, ""));
	report("user", setuid(1));
	fprintf(stderr, "asked for all\n");
	return 1;
}
