"""Correct programs of a different design get every point; that the references do is in test_interface."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from graded import Change, Mutant, check, failures, variants
from labkit.catalog import Lab, all_labs, find


@pytest.mark.parametrize("lab, path", variants(), ids=lambda v: getattr(v, "name", None))
def test_variant_gets_every_point(lab: Lab, path: Path, tmp_path: Path) -> None:
    """A variant passes every step."""
    work = tmp_path / "work"
    work.mkdir()
    shutil.copytree(path, work / lab.name)
    status, results = check(lab, work, tmp_path / "report", "--all")
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
HARMLESS = [
    timed("02", 6, "test_stops_while_clients_come", "echo_server.c", HANDLERS, PAUSE),
    timed("06", 3, "test_nothing_to_change", "control_server.c", MESSAGE, PAUSE),
    timed("06", 4, "test_every_event_once", "control_server.c", MESSAGE, PAUSE),
    timed("02", 7, "test_thread_sanitizer", "echo_server.c", "\techo(client);\n", MKTIME),
    exits("02", 5, "test_out_of_descriptors", "echo_server.c", "\tclient_leave(client);\n"),
    exits("04", 7, "test_few_descriptors", "scan.c", "\t\tclose(fd);\n"),
    exits("05", 7, "test_out_of_descriptors", "clients.c", "\tclient_leave(client);\n"),
    exits("06", 3, "test_out_of_descriptors", "clients.c", "\tclient_leave(client);\n"),
    *TAUGHT,
]


@pytest.mark.parametrize("program", HARMLESS, ids=lambda p: f"{p.lab.number}-{p.check}")
def test_what_is_harmless_passes(program: Mutant, tmp_path: Path) -> None:
    """What a check must not mind."""
    program.plant(tmp_path / "work")
    options = ["--step", str(program.step), f"--check={program.check}"]
    status, results = check(program.lab, tmp_path / "work", tmp_path / "report", *options)
    assert status == 0, failures(results)
