"""The table "what the tools know": every row is judged rightly by the checks' own tools, and the page is true.

A row is a correct program that gets no verdict, and its broken twin that gets one. `make knowledge` measures
all tools; here only those of the checks are run, on all rows in a few processes.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from knowledge import page, reports, results, ways
from knowledge.results import Cell, Measured
from knowledge.rows import BROKEN, DIRECTORY, FAMILIES, KEPT, RIGHT, Row, rows
from knowledge.running import Way, run
from labkit.ground.catalog import ROOT
from labkit.ground.faults import Trouble

SEEDS = (1, 2, 3)
# Some 20 s of an idle machine: compiling, and one process for all rows.
LONG = pytest.mark.timeout(900)

# What orders threads, or holds a lock, in the headers that a server may use.
HEADERS = ("pthread.h", "semaphore.h", "threads.h", "signal.h", "mqueue.h", "stdio.h")
HEADERS += ("sys/eventfd.h", "sys/timerfd.h", "sys/signalfd.h", "sys/epoll.h", "poll.h", "time.h")
ORDERS = re.compile(
    r"(?:pthread_(?:mutex|rwlock|spin)_\w*lock|pthread_(?:cond|barrier)_\w*(?:wait|signal|broadcast|destroy)"
    r"|pthread_(?:create|exit|cancel|once|detach|kill|sigqueue|atfork|\w*join\w*)|sem_(?:\w*wait|post|open|destroy)"
    r"|pthread_(?:mutex|rwlock|spin)_destroy|pthread_mutex_consistent|pthread_(?:key_create|setspecific)"
    r"|(?:mtx|cnd)_(?:\w*lock|wait|timedwait|signal|broadcast|destroy)|thrd_(?:create|join|detach|exit)"
    r"|call_once|tss_(?:create|set)|sig(?:wait|waitinfo|timedwait|queue|suspend)|kill|raise|tgkill"
    r"|mq_(?:send|receive|timed\w+|notify)|f\w*lockfile|eventfd_\w+|timerfd_settime|timer_settime|signalfd"
    r"|p?poll|epoll_(?:ctl|\w*wait\d?))"
)

# The shim does not teach it, as harness/native/README.md says; in the sandbox such a call fails with ENOSYS.
UNTAUGHT = {"mq_notify_thread": "SIGSEGV"}


def accused(way: Way) -> dict[str, str]:
    """The rows whose right program got a verdict or did not come to its end, and why."""
    found = run(way, RIGHT, [row.name for row in rows()], SEEDS[0])
    return {
        name: ", ".join(filter(None, [outcome.ended, *outcome.reports]))
        for name, outcome in found.items()
        if outcome.ended or outcome.reports
    }


def unseen(way: Way, twin: int) -> list[str]:
    """The rows whose twin got no verdict, whatever the schedule."""
    left = [row.name for row in rows() if twin in row.twins]
    for seed in SEEDS:
        found = run(way, twin, left, seed)
        left = [name for name, outcome in found.items() if not outcome.reports]
    return left


# -- the checks' own tools -----------------------------------------------------------------------------


@LONG
def test_thread_sanitizer_accuses_no_correct_program_and_every_race() -> None:
    way = ways.tsan_here()
    assert accused(way) == UNTAUGHT
    assert set(unseen(way, BROKEN)) == set(UNTAUGHT)


@LONG
def test_helgrind_accuses_no_correct_program_and_every_lock_that_is_kept() -> None:
    way = ways.helgrind_here()
    assert accused(way) == {}
    assert unseen(way, KEPT) == []


def test_a_row_that_does_not_end_is_named_and_stops_no_other(tmp_path: Path) -> None:
    """A group whose second row ends the process, for a stand-in: the others' outcomes are theirs."""
    group = tmp_path / "group"
    group.write_text(
        '#!/bin/sh\nshift\nfor row in "$@"; do echo "$row"; [ "$row" != b ] || exit 3; done\necho end\n'
    )
    group.chmod(0o755)
    way = Way("stand-in", group, lambda _text, _names: {"c": Counter(["race"])})
    found = run(way, RIGHT, ["a", "b", "c"])
    assert [found[name].ended for name in "abc"] == ["", "fails", ""]
    assert [dict(found[name].reports) for name in "abc"] == [{}, {}, {"race": 1}]


def test_a_tool_that_does_not_start_is_trouble(tmp_path: Path) -> None:
    group = tmp_path / "group"
    group.write_text("#!/bin/sh\necho no memory >&2\nexit 1\n")
    group.chmod(0o755)
    with pytest.raises(Trouble, match="no memory"):
        run(Way("stand-in", group, reports.of_tsan), RIGHT, ["a"])


# -- the rows ------------------------------------------------------------------------------------------


def test_every_family_has_rows_and_every_row_says_what_it_is_about() -> None:
    assert {row.family for row in rows()} == set(FAMILIES)
    assert all(row.calls and row.what for row in rows())


def test_every_call_that_orders_threads_has_a_row() -> None:
    """Those that the C library's headers declare; a name of a row's first line or of its code counts."""
    said = "\n".join(path.read_text(encoding="utf-8") for path in DIRECTORY.glob("*.[ch]"))
    missing = [call for call in declared() if not re.search(rf"\b{call}\b", said)]
    assert missing == []


def declared() -> list[str]:
    """The functions of HEADERS that order threads."""
    text = "".join(f"#include <{name}>\n" for name in HEADERS)
    command = ["gcc", "-E", "-P", "-D_GNU_SOURCE", "-x", "c", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return sorted(
        {name for name in re.findall(r"(\w+) ?\(", done.stdout) if ORDERS.fullmatch(name)}
    )


def test_what_is_about_a_lock_with_an_owner_has_a_twin_that_keeps_it() -> None:
    kept = {row.name for row in rows() if row.has_kept}
    assert {"mutex_clocklock", "rwlock_timedrdlock", "c11_mtx_lock", "spin_lock"} <= kept
    assert not kept & {"sem_lock", "atomic_flag", "event_semaphore", "cond_wait", "mutex_robust"}


# -- what is kept of the measurements ------------------------------------------------------------------


def test_the_page_shows_what_was_measured() -> None:
    """`make knowledge` writes it; by hand: `python -m knowledge --page`."""
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.written(results.all_measured(), text) == text


def test_both_releases_are_measured_whole() -> None:
    """Every row, every twin, every way; a new row is measured before it lands."""
    twins = {
        row.name: {"right", "broken"} | ({"kept"} if row.has_kept else set()) for row in rows()
    }
    measured = results.all_measured()
    assert [one.release for one in measured] == ["debian-12", "debian-13"]
    for one in measured:
        assert set(one.ways) == set(ways.WAYS)
        for way, seen in one.ways.items():
            assert {row: set(found) for row, found in seen.items()} == twins, way


def test_the_page_names_files_that_are_there() -> None:
    for link in re.findall(r"\]\((\.\./[^)#]+)\)", page.PAGE.read_text(encoding="utf-8")):
        assert (ROOT / "docs" / link).resolve().exists(), link


@pytest.mark.parametrize(
    "right, broken, cell",
    [
        ({"runs": 3}, {"runs": 3, "race": 3}, Cell("known")),
        ({"runs": 3}, {"runs": 3, "race": 2}, Cell("known", "broken 2 of 3")),
        ({"runs": 3}, {"runs": 3}, Cell("unknown", "broken")),
        ({"runs": 3, "race": 3}, {"runs": 3, "race": 3}, Cell("false", "race")),
        ({"runs": 3, "race": 1}, {"runs": 3}, Cell("false", "race (1 of 3)")),
        ({"runs": 1, "hangs": 1}, {"runs": 3, "race": 3}, Cell("ends", "hangs")),
        ({"runs": 3, "SIGSEGV": 3}, {"runs": 3}, Cell("ends", "SIGSEGV")),
        (
            {"runs": 3, "SIGSEGV": 1, "status 66": 2},
            {"runs": 3},
            Cell("ends", "SIGSEGV, status 66"),
        ),
        ({"runs": 3, "SIGSEGV": 1}, {"runs": 3}, Cell("ends", "SIGSEGV (1 of 3)")),
    ],
)
def test_a_cell_says_what_was_seen(
    right: dict[str, int], broken: dict[str, int], cell: Cell
) -> None:
    row = Row("sem_wait", "sem_wait", "a message", has_kept=False)
    measured = Measured("debian-12", {}, {"drd": {"sem_wait": {"right": right, "broken": broken}}})
    assert results.judge(row, "drd", measured) == cell


def test_a_lock_that_is_kept_unseen_is_not_known() -> None:
    row = Row("mutex_lock", "pthread_mutex_lock", "a lock", has_kept=True)
    race, none = {"runs": 1, "race": 1}, {"runs": 1}
    seen = {"mutex_lock": {"right": none, "broken": race, "kept": none}}
    measured = Measured("debian-12", {}, {"drd": seen, "gcc-tsan": seen})
    assert results.judge(row, "drd", measured) == Cell("unknown", "kept")
    assert results.judge(row, "gcc-tsan", measured) == Cell("known")


# -- reading the tools' words --------------------------------------------------------------------------

TSAN_LOG = """==================
WARNING: ThreadSanitizer: unlock of an unlocked mutex (or by a wrong thread) (pid=7)
    #0 pthread_mutex_unlock <null> (group+0x1)
    #1 give /rows/mutex_clocklock.c:16 (group+0x2)

SUMMARY: ThreadSanitizer: unlock of an unlocked mutex /rows/mutex_clocklock.c:16 in give
==================
"""
VALGRIND_XML = """<announcethread><hthreadid>2</hthreadid>
<stack><frame><fn>in_another_thread</fn><file>row.h</file></frame>
<frame><fn>row_of_spin_lock</fn><file>spin_lock.c</file></frame></stack></announcethread>
<error><kind>Misc</kind><xwhat><text>Thread #2: Exiting thread still holds 1 lock</text>
<hthreadid>2</hthreadid></xwhat><stack><frame><fn>start_thread</fn></frame></stack></error>
<error><kind>Race</kind><xwhat><text>Possible data race</text><hthreadid>3</hthreadid></xwhat>
<stack><frame><fn>row_first</fn><file>sem_lock.c</file></frame></stack></error>
"""


def test_a_report_of_thread_sanitizer_is_its_rows() -> None:
    found = reports.of_tsan(TSAN_LOG, ["mutex_clocklock", "mutex_lock"])
    assert found == {"mutex_clocklock": Counter(["unlock"])}


def test_an_error_of_valgrind_is_its_rows_or_that_of_its_threads_start() -> None:
    found = reports.of_valgrind(VALGRIND_XML, ["spin_lock", "sem_lock"])
    assert found == {"spin_lock": Counter(["kept"]), "sem_lock": Counter(["race"])}


def test_a_report_that_names_no_row_is_not_passed_over() -> None:
    assert reports.of_tsan(TSAN_LOG, ["mutex_lock"]) == {"": Counter(["unlock"])}
