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
