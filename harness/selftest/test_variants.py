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
    *GENEROUS,
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
