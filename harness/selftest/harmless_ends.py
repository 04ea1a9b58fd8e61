"""Correct programs that begin and end in a way of their own, or look things up."""

from __future__ import annotations

from labkit.workbook.answers import Change, Mutant
from harmless import INCLUDE, exits, harmless, timed

MAIN = "int\nmain(int argc, char *argv[])\n{\n"
LEAVES = """\
#include <pthread.h>
#include <stdlib.h>

static int program_main(int argc, char *argv[]);
static int count;
static char **line;

static void *
life(void *unused)
{
	(void)unused;
	exit(program_main(count, line));
}

int
main(int argc, char *argv[])
{
	pthread_t thread;

	count = argc;
	line = argv;
	if (pthread_create(&thread, NULL, life, NULL) != 0)
		return 1;
	pthread_detach(thread);
	pthread_detach(pthread_self());
	pthread_exit(NULL);
}

static int
program_main(int argc, char *argv[])
{
"""


def leaves(number: str, step: int, name: str, file: str) -> Mutant:
    """A reference whose main thread detaches itself and ends; another one does all that it did."""
    return harmless(number, step, name, Change(file, MAIN, LEAVES))


def closes(name: str, step: int, call: str, include: str = "") -> Mutant:
    """A reference of lab 02 that closes all descriptors but the first three when it starts."""
    file, before = "echo_server.c", "\t/* Whole lines, as soon as"
    return harmless(
        "02",
        step,
        name,
        Change(file, before, f"\t{call};\n{before}"),
        Change(file, "#define _POSIX_C_SOURCE 200809L\n", "#define _GNU_SOURCE\n"),
        Change(file, INCLUDE, f"{INCLUDE}{include}"),
    )


EACH = "for (int n = 3; n < sysconf(_SC_OPEN_MAX); n++)\n\t\tclose(n)"
SYSCALL = "#include <sys/syscall.h>\n"
LISTED = """DIR *open_ones = opendir("/proc/self/fd");
	for (struct dirent *e; open_ones != NULL && (e = readdir(open_ones)) != NULL;)
		if (atoi(e->d_name) > 2 && atoi(e->d_name) != dirfd(open_ones) &&
		    close(atoi(e->d_name)) != 0)
			err(1, "close %s", e->d_name);
	if (open_ones != NULL)
		closedir(open_ones)"""
# Nothing that was kept of a client is put before what it sends.
NOTHING = (
    Change("echo_server.c", INCLUDE, f"{INCLUDE}#include <string.h>\n"),
    Change(
        "echo_server.c",
        "/*\n * A client that is connected.",
        "struct rest {\n\tchar *data;\n\tsize_t len;\n} rest;\n\n/*\n * A client that is connected.",
    ),
    Change(
        "echo_server.c",
        "\t\tif (n <= 0)\n\t\t\treturn;\n",
        "\t\tif (n <= 0)\n\t\t\treturn;\n\t\tmemmove(portion, rest.data, rest.len);\n",
    ),
)
# The last thing that a server does before it says where it listens. A busy machine may stop it just there.
HANDLERS, MESSAGE = "\tcatch_stop_signals();\n", '\tannounce("listening on ", name);\n'
PAUSE = "nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL)"
# It is thread-safe, but by a lock within glibc that ThreadSanitizer does not see.
MKTIME = "mktime(&(struct tm){.tm_mday = 1})"
# With AI_ADDRCONFIG glibc asks the kernel, by AF_NETLINK, which addresses the machine has besides loopback's; if it may
# not ask, it takes it that there are some.
LOOKS_UP = harmless(
    "01",
    4,
    "test_lines_out_and_back",
    Change(
        "echo_client.c",
        "\tmemset(address, 0, sizeof(*address));\n",
        "\tstruct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_ADDRCONFIG,\n"
        "\t    .ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;\n\n"
        "\tmemset(address, 0, sizeof(*address));\n"
        "\tif (getaddrinfo(text, NULL, &hints, &found) != 0)\n\t\treturn 0;\n"
        "\tfreeaddrinfo(found);\n",
    ),
    Change("echo_client.c", "#include <errno.h>\n", "#include <errno.h>\n#include <netdb.h>\n"),
)
ENDS = [
    LOOKS_UP,
    timed("02", 6, "test_stops_while_clients_come", "echo_server.c", HANDLERS, PAUSE),
    timed("06", 3, "test_nothing_to_change", "control_server.c", MESSAGE, PAUSE),
    timed("06", 4, "test_every_event_once", "control_server.c", MESSAGE, PAUSE),
    timed("02", 7, "test_thread_sanitizer", "echo_server.c", "\techo(client);\n", MKTIME),
    exits("02", 5, "test_out_of_descriptors", "echo_server.c", "\tclient_leave(client);\n"),
    exits("04", 7, "test_few_descriptors", "scan.c", "\t\tclose(fd);\n"),
    exits("05", 7, "test_out_of_descriptors", "clients.c", "\tclient_leave(client);\n"),
    exits("06", 3, "test_out_of_descriptors", "clients.c", "\tclient_leave(client);\n"),
    leaves("02", 1, "test_one_more_thread_for_each_client", "echo_server.c"),
    leaves("02", 6, "test_stops_while_clients_come", "echo_server.c"),
    leaves("03", 4, "test_memory_of_threads_is_sound", "rockets.c"),
    leaves("03", 8, "test_no_races_for_threadsanitizer", "rockets.c"),
    leaves("04", 8, "test_tools_find_nothing", "scanner.c"),
    leaves("05", 7, "test_gives_everything_back", "chat_server.c"),
    leaves("05", 9, "test_helgrind", "chat_server.c"),
    leaves("06", 2, "test_gives_everything_back", "control_server.c"),
    leaves("06", 7, "test_thread_sanitizer", "control_server.c"),
    closes("test_thread_sanitizer", 7, "closefrom(3)"),
    closes("test_thread_sanitizer", 7, "close_range(3, ~0U, 0)"),
    closes("test_thread_sanitizer", 7, "syscall(SYS_close_range, 3U, ~0U, 0U)", SYSCALL),
    closes("test_thread_sanitizer", 7, EACH),
    closes("test_thread_sanitizer", 7, LISTED, "#include <dirent.h>\n"),
    closes("test_helgrind", 7, "closefrom(3)"),
    closes("test_no_memory_is_lost", 4, "closefrom(3)"),
    harmless("02", 4, "test_no_memory_is_lost", *NOTHING),
]
