/*
 * show_limits - the limits that a program with many threads or sockets meets,
 * on this machine, for this process
 */

#define _DEFAULT_SOURCE /* RLIMIT_NPROC */

#include <stdio.h>
#include <sys/resource.h>

static void
show_rlimit(const char *name, int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0)
		perror(name);
	else if (limit.rlim_cur == RLIM_INFINITY)
		printf("%-32s unlimited\n", name);
	else
		printf(
		    "%-32s %llu\n", name, (unsigned long long)limit.rlim_cur);
}

static void
show_file(const char *name, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[64] = "";

	if (file == NULL || fgets(line, sizeof(line), file) == NULL)
		snprintf(line, sizeof(line), "unknown\n");
	printf("%-32s %s", name, line);
	if (file != NULL)
		fclose(file);
}

int
main(void)
{
	show_rlimit("stack, bytes (ulimit -s, KiB)", RLIMIT_STACK);
	show_rlimit("threads of the user (ulimit -u)", RLIMIT_NPROC);
	show_rlimit("descriptors (ulimit -n)", RLIMIT_NOFILE);
	show_rlimit("address space (ulimit -v)", RLIMIT_AS);
	show_file("threads of the machine", "/proc/sys/kernel/threads-max");
	show_file("thread numbers", "/proc/sys/kernel/pid_max");
	show_file("mappings of a process", "/proc/sys/vm/max_map_count");
	show_file("ephemeral ports", "/proc/sys/net/ipv4/ip_local_port_range");
	show_file("longest backlog", "/proc/sys/net/core/somaxconn");
	return 0;
}
