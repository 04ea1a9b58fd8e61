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
HARMLESS = [
    LOOKS_UP,
    timed("02", 6, "test_stops_while_clients_come", "echo_server.c", HANDLERS, PAUSE),
    timed("06", 3, "test_nothing_to_change", "control_server.c", MESSAGE, PAUSE),
    timed("06", 4, "test_every_event_once", "control_server.c", MESSAGE, PAUSE),
    timed("02", 7, "test_thread_sanitizer", "echo_server.c", "\techo(client);\n", MKTIME),
    exits("02", 5, "test_out_of_descriptors", "echo_server.c", "\tclient_leave(client);\n"),
    exits("04", 7, "test_few_descriptors", "scan.c", "\t\tclose(fd);\n"),
    exits("05", 7, "test_out_of_descriptors", "clients.c", "\tclient_leave(client);\n"),
    exits("06", 3, "test_out_of_descriptors", "clients.c", "\tclient_leave(client);\n"),
]


@pytest.mark.parametrize("program", HARMLESS, ids=lambda p: f"{p.lab.number}-{p.check}")
def test_what_is_harmless_passes(program: Mutant, tmp_path: Path) -> None:
    """What a check must not mind."""
    program.plant(tmp_path / "work")
    options = ["--step", str(program.step), f"--check={program.check}"]
    status, results = check(program.lab, tmp_path / "work", tmp_path / "report", *options)
    assert status == 0, failures(results)
