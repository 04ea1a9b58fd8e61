"""A race is named by the lock that keeps nobody out, where the source shows one; and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.ground.stacks import Frame
from labkit.reports import pretended
from labkit.reports.evidence import Access, Finding
from selftest.recorded import english  # noqa: F401: a fixture

pytestmark = pytest.mark.usefixtures("english")

OWN = ("\tpthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;", "\tpthread_mutex_lock(&lock);")
FLAG = ("\twhile (busy)", "\t\tsched_yield();", "\tbusy = 1;")


def source(home: Path, lines: tuple[str, ...], outside: str = "") -> Path:
    """A file whose function `count` has these lines, then a racy one, its last."""
    text = [outside, "static void", "count(void)", "{", *lines, "\tserved++;", "}"]
    (home / "x.c").write_text("\n".join(text) + "\n")
    return home


def race(home: Path, *locks: str, variable: str = "served") -> Finding:
    """A race in that line, whose sides hold these locks."""
    line = len((home / "x.c").read_text().splitlines()) - 1
    side = Access("write of 4 bytes", "T1", "a thread", (Frame("count", "x.c", line),), locks)
    title = "data race"
    sides = (side, side)
    return Finding(
        "tsan", "race", "data-race", title, None, sides, None, False, "", variable=variable
    )


def test_a_lock_of_the_function(tmp_path: Path) -> None:
    """It is named, with the line that declares it."""
    found = pretended.explained(race(source(tmp_path, OWN), "lock"), tmp_path)
    assert found.cause == "own-locks"
    assert "'lock' is declared at x.c:5, inside count" in pretended.words(found, tmp_path)


@pytest.mark.parametrize(
    "declaration",
    [
        "\tstatic pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;",
        "\tpthread_mutex_t *lock = &room->lock;",
        "\tpthread_mutex_t locked = PTHREAD_MUTEX_INITIALIZER;",
    ],
)
def test_other_locks_are_let_be(tmp_path: Path, declaration: str) -> None:
    found = pretended.explained(race(source(tmp_path, (declaration,)), "lock"), tmp_path)
    assert found.cause == "data-race"


def test_a_second_lock_may_be_the_right_one(tmp_path: Path) -> None:
    found = pretended.explained(race(source(tmp_path, OWN), "lock", "room"), tmp_path)
    assert found.cause == "data-race"


def test_a_volatile_variable_as_a_lock(tmp_path: Path) -> None:
    home = source(tmp_path, FLAG, "static volatile int busy;")
    found = pretended.explained(race(home, variable="busy"), home)
    assert found.cause == "flag-as-lock"
    assert "sets it at x.c:7" in pretended.words(found, home)


@pytest.mark.parametrize(
    "outside, lines",
    [
        ("static int busy;", FLAG),
        ("static volatile int busy;", FLAG[:2]),
        ("static volatile int busy;", FLAG[2:]),
        ("static volatile int busy;", (*FLAG[:2], "\tx.busy = 1;")),
    ],
)
def test_other_variables_are_let_be(tmp_path: Path, outside: str, lines: tuple[str, ...]) -> None:
    """One that nobody waits for, that who waits does not set, or that is not volatile."""
    home = source(tmp_path, lines, outside)
    assert pretended.explained(race(home, variable="busy"), home).cause == "data-race"


def test_what_is_explained_comes_first(tmp_path: Path) -> None:
    """What the lock should have guarded is a race, too, and says less."""
    home = source(tmp_path, FLAG, "static volatile int busy;")
    served, busy = race(home), race(home, variable="busy")
    assert [busy, served] == pretended.first([served, busy], home)
