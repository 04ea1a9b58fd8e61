"""Correct programs of a different design get every point; that the references do is in test_interface."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from graded import Change, Mutant, check, failures, variants
from labkit.catalog import SOLUTIONS, Lab, all_labs, find


@pytest.mark.parametrize("lab, path", variants(), ids=lambda v: getattr(v, "name", None))
def test_variant_gets_every_point(lab: Lab, path: Path, tmp_path: Path) -> None:
    """A variant passes every step; one that lacks a program of the lab is laid over the reference."""
    home = tmp_path / "work" / lab.name
    if not all((path / f"{program}.c").exists() for program in lab.programs):
        shutil.copytree(SOLUTIONS / lab.name, home)
    shutil.copytree(path, home, dirs_exist_ok=True)
    status, results = check(lab, home.parent, tmp_path / "report", "--all")
    assert status == 0, failures(results)


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.name)
def test_there_are_two_variants(lab: Lab) -> None:
    """Each lab has at least two."""
    assert len([one for one, _path in variants() if one == lab]) >= 2


INCLUDE = "#include <stdlib.h>\n"


def harmless(number: str, step: int, name: str, *changes: Change) -> Mutant:
    """A reference that does something else, and is correct all the same; the check that must not mind."""
    return Mutant(find(number), name, "none", step, name, "none", changes)


def timed(number: str, step: int, name: str, file: str, before: str, call: str) -> Mutant:
    """A reference with a call of <time.h> before a line."""
    return harmless(
        number,
        step,
        name,
        Change(file, before, f"\t{call};\n{before}"),
        Change(file, INCLUDE, f"{INCLUDE}#include <time.h>\n"),
    )


def exits(number: str, step: int, name: str, file: str, last: str) -> Mutant:
    """A reference whose threads end with pthread_exit; glibc opens a library for the first one of them."""
    change = Change(file, f"{last}\treturn NULL;\n}}\n", f"{last}\tpthread_exit(NULL);\n}}\n")
    return harmless(number, step, name, change)


LOCKS = """static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

"""
ONE_BY_ONE = "\tpthread_mutex_lock(&clients.lock);\n"  # how a client that leaves takes its lock


def ordered(check: str, leaves: str, *others: Change, start: str = "") -> Mutant:
    """Lab 02's server with a second lock, seen_lock, taken below clients.lock where clients come.

    leaves: how a client that leaves takes clients.lock. start: what main does before there is a thread.
    """
    file = "echo_server.c"
    seen = "\tpthread_mutex_lock(&seen_lock);\n\tpthread_mutex_unlock(&seen_lock);\n"
    comes = "\tif (error == 0) {\n\t\tclient->next = clients.first;\n"
    state = "static bool verbose; "
    previous, listens = "\tstruct client *previous;\n\n", "\tlistener = net_listen(&address);\n"
    changes = (
        Change(file, state, LOCKS + state),
        Change(file, comes, seen + comes),
        Change(file, previous + ONE_BY_ONE, previous + leaves),
        Change(
            file,
            listens,
            f"\tpthread_mutex_lock(&gate);\n{start}\tpthread_mutex_unlock(&gate);\n{listens}",
        ),
    )
    return harmless("02", 7, check, *changes, *others)


OTHER_ORDER = """\tpthread_mutex_lock(&seen_lock);
\tpthread_mutex_lock(&clients.lock);
\tpthread_mutex_unlock(&seen_lock);
"""
BACK_OFF = """\tpthread_mutex_lock(&seen_lock);
\twhile (pthread_mutex_trylock(&clients.lock) != 0) {
\t\tpthread_mutex_unlock(&seen_lock);
\t\tpthread_mutex_lock(&seen_lock);
\t}
\tpthread_mutex_unlock(&seen_lock);
"""
AT_START = OTHER_ORDER + "\tpthread_mutex_unlock(&clients.lock);\n"
GATED = f"\tpthread_mutex_lock(&gate);\n{OTHER_ORDER}\tpthread_mutex_unlock(&gate);\n"
CREATES = "\tpthread_mutex_lock(&clients.lock);\n\terror = pthread_create("
CREATED = "\tpthread_mutex_unlock(&clients.lock);\n\tpthread_sigmask("
THE_GATE = (
    Change("echo_server.c", CREATES, "\tpthread_mutex_lock(&gate);\n" + CREATES),
    Change(
        "echo_server.c", CREATED, CREATED.replace(";\n", ";\n\tpthread_mutex_unlock(&gate);\n", 1)
    ),
)
# What no thread can block for: the tools take it for a wrong order.
ORDERED = [
    ordered(check, *change, start=start)
    for check in ("test_thread_sanitizer", "test_helgrind")
    for change, start in (((BACK_OFF,), ""), ((GATED, *THE_GATE), ""), ((ONE_BY_ONE,), AT_START))
]

# Lab 05's server, whose main takes its locks in the other order when all other threads are joined.
ASKED = """
static int asked; /* (L) */

void
accounts_asked(void)
{
	pthread_mutex_lock(&accounts.lock);
	asked++;
	pthread_mutex_unlock(&accounts.lock);
}

int
accounts_open("""
ASKS = Change(
    "accounts.h", "/* Creates an account", "void accounts_asked(void);\n\n/* Creates an account"
)
AFTER_JOIN = harmless(
    "05",
    9,
    "test_thread_sanitizer",
    Change("room.c", "\troom.stopping = true;\n", "\troom.stopping = true;\n\taccounts_asked();\n"),
    Change("room.c", '#include "history.h"\n', '#include "accounts.h"\n#include "history.h"\n'),
    ASKS,
    Change("accounts.c", "\nint\naccounts_open(", ASKED),
)


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
GNU = Change("echo_server.c", "#define _POSIX_C_SOURCE 200809L\n", "#define _GNU_SOURCE\n")
STATE = "static bool verbose; "
HEADERS = Change(
    "echo_server.c",
    INCLUDE,
    INCLUDE + "#include <stdint.h>\n#include <sys/eventfd.h>\n#include <time.h>\n",
)
UNTIL = """\tstruct timespec until;

\tclock_gettime({clock}, &until);
\tuntil.tv_sec += 60;
"""
STARTS = "\twhile ((fd = client_accept(&address)) >= 0) {\n"
STOPS = "\tclients_stop();\n\tclose(listener);\n"


def counted(check: str, lock: str, clock: str, take: str, give: str) -> Mutant:
    """Lab 02's server whose clients' threads count under a lock, by a form that a tool may not know."""
    count = f"{UNTIL.format(clock=clock)}\tif ({take})\n\t\tabort();\n\tserved++;\n\t{give};\n"
    changes = (
        GNU,
        HEADERS,
        Change("echo_server.c", STATE, f"{lock};\nstatic int served; /* under it */\n{STATE}"),
        Change("echo_server.c", "\techo(client);\n", f"{count}\techo(client);\n"),
    )
    return harmless("02", 7, check, *changes)


def told(check: str, state: str, opens: str, hear: str, say: str) -> Mutant:
    """Lab 02's server whose main thread counts, and tells another thread at the end that it may look."""
    reporter = f"""static int seen; /* main's until it says so */
{state};

static void *
reporter_main(void *unused)
{{
{hear}
\tif (seen < 0)
\t\tabort();
\treturn unused;
}}

"""
    start = f"""{opens}
\tpthread_t reporter;
\tpthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
\tif (pthread_create(&reporter, NULL, reporter_main, NULL) != 0)
\t\tabort();
\tpthread_sigmask(SIG_UNBLOCK, &stop_signals, NULL);
"""
    changes = (
        HEADERS,
        Change("echo_server.c", "int\nmain(", f"{reporter}int\nmain("),
        Change("echo_server.c", STARTS, f"{start}{STARTS}\t\tseen++;\n"),
        Change("echo_server.c", STOPS, f"{say}\tpthread_join(reporter, NULL);\n{STOPS}"),
    )
    return harmless("02", 7, check, *changes)


MUTEX = "static pthread_mutex_t served_lock = PTHREAD_MUTEX_INITIALIZER"
RWLOCK = "static pthread_rwlock_t served_lock = PTHREAD_RWLOCK_INITIALIZER"
UNLOCKS, RW_UNLOCKS = "pthread_mutex_unlock(&served_lock)", "pthread_rwlock_unlock(&served_lock)"
CLOCKLOCK = "pthread_mutex_clocklock(&served_lock, CLOCK_MONOTONIC, &until)"
CLOCKWRLOCK = "pthread_rwlock_clockwrlock(&served_lock, CLOCK_MONOTONIC, &until)"
TIMEDWRLOCK = "pthread_rwlock_timedwrlock(&served_lock, &until)"
PIPE = """\tint ends[2];
\tif (pipe(ends) < 0)
\t\tabort();
\thear = fdopen(ends[0], "r");
\tsay = fdopen(ends[1], "w");"""
CLOCKJOIN = UNTIL.format(clock="CLOCK_MONOTONIC").replace("\t", "\t\t")
CLOCKJOIN += "\t\tif (pthread_clockjoin_np(previous->thread, NULL, CLOCK_MONOTONIC, &until) != 0)\n"
TSAN, HELGRIND = "test_thread_sanitizer", "test_helgrind"
# Forms that ThreadSanitizer, Helgrind or both do not know: the shim teaches them.
TAUGHT = [
    counted(TSAN, MUTEX, "CLOCK_MONOTONIC", CLOCKLOCK, UNLOCKS),
    counted(HELGRIND, MUTEX, "CLOCK_MONOTONIC", CLOCKLOCK, UNLOCKS),
    counted(TSAN, RWLOCK, "CLOCK_MONOTONIC", CLOCKWRLOCK, RW_UNLOCKS),
    counted(HELGRIND, RWLOCK, "CLOCK_REALTIME", TIMEDWRLOCK, RW_UNLOCKS),
    counted(TSAN, "", "CLOCK_REALTIME", "(flockfile(stdout), 0)", "funlockfile(stdout)"),
    told(
        TSAN,
        "static int bell",
        "\tbell = eventfd(0, 0);",
        "\teventfd_t rings;\n\n\tif (eventfd_read(bell, &rings) != 0)\n\t\tabort();",
        "\teventfd_write(bell, 1);\n",
    ),
    told(
        TSAN,
        "static FILE *hear, *say",
        PIPE,
        "\tchar line[16];\n\n\tif (fgets(line, sizeof(line), hear) == NULL)\n\t\tabort();",
        '\tfputs("done\\n", say);\n\tfflush(say);\n',
    ),
    harmless(
        "02",
        7,
        TSAN,
        GNU,
        HEADERS,
        Change(
            "echo_server.c",
            "\t\tpthread_join(previous->thread, NULL);\n",
            f"{CLOCKJOIN}\t\t\tabort();\n",
        ),
    ),
]

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
TERMINAL = "\tif (isatty(STDIN_FILENO)) {\n"
NO_ADDRESS = "\t\twarnx(\"address '%s': neither IPv4 nor IPv6\", host);\n\t\texit_with_usage();\n"
SAYS_USAGE = "\tfputs(usage, stderr);\n"
ON_SIGNAL = """static void
on_signal(int number)
{
	_exit(128 + number);
}

int
main("""
# What no handout states is not judged, and what harms nobody is taken.
GENEROUS = [
    harmless(
        "01",
        4,
        "test_prompts_at_a_terminal",
        Change(
            "echo_client.c", TERMINAL, TERMINAL.replace("if (", "if (isatty(STDOUT_FILENO) && ")
        ),
    ),
    harmless(
        "01",
        4,
        "test_client_refuses_wrong_arguments",
        Change("echo_client.c", NO_ADDRESS, '\t\terrx(1, "nobody knows %s", host);\n'),
    ),
    harmless(
        "02",
        1,
        "test_refuses_wrong_arguments",
        Change("echo_server.c", NO_ADDRESS, '\t\terrx(1, "nobody knows %s", host);\n'),
        Change("echo_server.c", SAYS_USAGE, ""),
    ),
    harmless(
        "03",
        1,
        "test_refuses_wrong_arguments",
        Change("rockets.c", "MAX_COUNT = 100000,", "MAX_COUNT = 2000000,"),
        Change("rockets.c", "MAX_TICK_MS = 60000,", "MAX_TICK_MS = 9000000,"),
    ),
    harmless(
        "03",
        4,
        "test_a_signal_ends_it",
        Change("rockets.c", "int\nmain(", ON_SIGNAL),
        Change("rockets.c", INCLUDE, f"#include <signal.h>\n{INCLUDE}"),
        Change(
            "rockets.c",
            "\tstruct rocket *rockets;\n",
            "\tstruct rocket *rockets;\n\tsignal(SIGINT, on_signal);\n\tsignal(SIGTERM, on_signal);\n",
        ),
    ),
    harmless(
        "05",
        1,
        "test_refuses_wrong_arguments",
        Change("chat_server.c", "optarg, 0, HISTORY_MAX", "optarg, 0, 10 * HISTORY_MAX"),
    ),
    harmless(
        "05",
        1,
        "test_a_file_that_was_edited",
        Change(
            "users.c",
            "\t\tif (take_line(users, next, length) < 0) {\n",
            "\t\terrno = EINVAL; /* torn, where nothing ends it */\n"
            "\t\tif (stop == NULL || take_line(users, next, length) < 0) {\n",
        ),
    ),
    harmless(
        "06",
        1,
        "test_unknown_commands",
        Change(
            "console.c",
            '\t\t\tfprintf(\n\t\t\t    stderr, "unknown command: %s, try help\\n", line);\n',
            '\t\t\tfprintf(stderr, "console: unknown command: %s, try help\\n", line);\n',
        ),
    ),
    harmless(
        "06",
        2,
        "test_shutdown_with_50_clients",
        Change("log.c", "\tif (file.on_stdout)\n", "\tif (false) /* in the log alone */\n"),
    ),
    harmless(
        "06",
        2,
        "test_stops_at_a_signal",
        Change("log.c", "\tif (file.on_stdout)\n", "\tif (false) /* in the log alone */\n"),
    ),
    harmless(
        "06",
        4,
        "test_logins_and_commands_are_logged",
        Change(
            "console.c",
            "\t\tif (control != NULL)\n\t\t\tlog_write",
            "\t\tif (line[0] != '\\0')\n\t\t\tlog_write",
        ),
        Change(
            "console.c",
            "\t\telse if (line[0] != '\\0')\n",
            "\t\tif (control == NULL && line[0] != '\\0')\n",
        ),
    ),
    harmless("06", 5, "test_clear_logs", Change("net.c", "sizeof(reader->buffer), 0", "6, 0")),
    harmless(
        "06", 4, "test_every_event_once", Change("net.c", "sizeof(reader->buffer), 0", "6, 0")
    ),
]
HARMLESS = [
    LOOKS_UP,
    *GENEROUS,
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
    *TAUGHT,
]


@pytest.mark.parametrize(
    "program", [*HARMLESS, *ORDERED, AFTER_JOIN], ids=lambda p: f"{p.lab.number}-{p.check}"
)
def test_what_is_harmless_passes(program: Mutant, tmp_path: Path) -> None:
    """What a check must not mind."""
    program.plant(tmp_path / "work")
    options = ["--step", str(program.step), f"--check={program.check}"]
    status, results = check(program.lab, tmp_path / "work", tmp_path / "report", *options)
    assert status == 0, failures(results)
