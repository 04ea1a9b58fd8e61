"""Correct programs whose locks and messages between threads a tool may not know, or take for wrong."""

from __future__ import annotations

from labkit.workbook.answers import Change, Mutant
from harmless import INCLUDE, harmless

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
