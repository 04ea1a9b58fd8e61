"""The order of locks is judged by what threads really held: the shim's record, and what is made of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from labkit.box import addresses, lockrecord, symbols
from labkit.box.lockrecord import Hold, Record, Thread, Wait
from labkit.ground.faults import Trouble
from labkit.ground.stacks import Frame
from labkit.reports import lockorder, lockwords, stubborn
from labkit.reports.evidence import Access, Finding
from labkit.reports.findings import describe, refine
from workshop import CLANG, NATIVE, PROGRAMS, SECONDS, Workshop, line_of, needs

WAYS = """
    plain held-by-trylock gate gate-for-reading trylock timedlock readers readers-behind-writers coupling by-address
    recursive same-address condition three crosswise one-thread spin c11 before-threads after-join before-and-after
    joined-by-another
""".split()
# Those of which Helgrind, or ThreadSanitizer, has another opinion.
SAID_BY_HELGRIND = ["gate", "trylock", "timedlock", "readers", "spin", "c11", "before-threads"]
SAID_BY_TSAN = ["gate", "readers", "crosswise", "one-thread", "after-join"]
HELGRIND = ("valgrind", "-q", "--tool=helgrind", f"--suppressions={NATIVE}/perturb.supp")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("lockorder"))


def possible(
    shop: Workshop, way: str, form: str, kind: str = "plain", compiler: str = "gcc", **run: object
) -> int:
    """How many cycles are possible in a way of the program lock_orders, good or bad."""
    program = shop.build("lock_orders", kind, compiler)
    done = shop.run(program, way, form, **run)  # type: ignore[arg-type]
    assert "done" in done.output
    cycles, certain = lockorder.cycles(lockrecord.read(done.counters))
    assert certain
    return len(cycles)


# -- what is possible --------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_block_is_told_from_what_can(shop: Workshop, way: str) -> None:
    """The good form of each way has no cycle, the bad one has."""
    assert possible(shop, way, "good") == 0
    assert possible(shop, way, "bad") > 0


@pytest.mark.parametrize("compiler", ["gcc", CLANG])
@pytest.mark.parametrize("way", SAID_BY_TSAN)
def test_the_same_under_thread_sanitizer(shop: Workshop, way: str, compiler: str) -> None:
    assert possible(shop, way, "good", "tsan", compiler, seed=1) == 0
    assert possible(shop, way, "bad", "tsan", compiler, seed=1) > 0


@needs("valgrind")
@pytest.mark.parametrize("way", SAID_BY_HELGRIND)
def test_the_same_under_helgrind(shop: Workshop, way: str) -> None:
    assert possible(shop, way, "good", tool=HELGRIND) == 0
    assert possible(shop, way, "bad", tool=HELGRIND) > 0


def test_three_threads_are_one_cycle(shop: Workshop) -> None:
    run = shop.run(shop.build("lock_orders"), "three", "bad")
    ((cycle,), _certain) = lockorder.cycles(lockrecord.read(run.counters))
    assert len({wait.thread for wait in cycle.waits}) == 3


def test_a_deadlock_is_on_record_when_the_program_is_killed(shop: Workshop, tmp_path: Path) -> None:
    """What a thread asks for is put down before it blocks."""
    stats = tmp_path / "stats"
    environment = {"LD_PRELOAD": str(shop.shim), "PERTURB_STATS": str(stats)}
    program = subprocess.Popen(
        [shop.build("lock_orders"), "deadlock", "bad"], env={**os.environ, **environment}
    )
    try:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and not _blocked(stats):
            time.sleep(0.01)
    finally:
        program.send_signal(signal.SIGKILL)
        program.wait()
    assert len(lockorder.cycles(lockrecord.read(stats))[0]) == 1


def _blocked(stats: Path) -> bool:
    try:
        return len(lockrecord.read(stats).waits) == 2
    except Trouble:
        return False  # it has not begun yet


def test_where_there_is_no_room_nothing_is_certain(shop: Workshop) -> None:
    run = shop.run(shop.build("lock_orders"), "too-many", "good")
    record = lockrecord.read(run.counters)
    assert record.lost > 0
    assert lockorder.cycles(record) == ([], False)


def test_too_many_orders_are_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten locks in all orders, all in one thread: no cycle, and no end of chains."""
    monkeypatch.setattr(lockorder, "MOST_STEPS", 1000)
    waits = [wait(n, 0, (a,), b) for n, (a, b) in enumerate(pairs(10))]
    assert lockorder.cycles(Record(0, tuple(waits), {})) == ([], False)


def test_many_locks_under_a_gate_are_looked_through() -> None:
    """Forty locks in all orders, in two threads, below a gate."""
    waits = [wait(n, n % 2, (99, a), b) for n, (a, b) in enumerate(pairs(40))]
    assert lockorder.cycles(Record(0, tuple(waits), {})) == ([], True)


def test_a_thread_is_told_from_one_that_it_creates_later() -> None:
    """What main did before it created thread 2 cannot meet thread 2, but it can meet thread 1."""
    threads = {1: Thread(1, 0, 0, 0, 0, 0), 2: Thread(5, 0, 0, 0, 0, 0)}
    mine = wait(3, 0, (1,), 2)
    assert not lockorder.cycles(Record(0, (mine, wait(6, 2, (2,), 1)), threads))[0]
    assert lockorder.cycles(Record(0, (mine, wait(6, 1, (2,), 1)), threads))[0]


def pairs(count: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(count) for b in range(count) if a != b]


def wait(when: int, thread: int, held: tuple[int, ...], wanted: int) -> Wait:
    """Locks for writing, whose sites are their numbers."""
    return Wait(
        thread,
        when,
        tuple(Hold(lock, False, lock) for lock in held),
        Hold(wanted, False, 100 + wanted),
    )


@pytest.mark.parametrize("kind", ["plain", "tsan"])
@pytest.mark.parametrize("form, cycles", [("good", 0), ("bad", 1)])
def test_a_loop_of_trylock_that_lets_nothing_go_waits(
    shop: Workshop, kind: str, form: str, cycles: int
) -> None:
    """Though the call succeeds at once in both forms."""
    program = shop.build("lock_orders", kind)
    record = lockrecord.read(shop.run(program, "insisting", form).counters)
    insisting = stubborn.stubborn(record.tries, program, PROGRAMS, symbols.plainly)
    assert len(record.tries) == 1
    assert len(lockorder.cycles(replace(record, waits=record.waits + insisting))[0]) == cycles


@pytest.mark.parametrize(
    "text, insists",
    [
        ("while (pthread_mutex_trylock(&a) != 0);", True),
        ("while (pthread_mutex_trylock(&room->lock)) { }", True),
        ("while (pthread_mutex_trylock(&a) == EBUSY) /* busy */\n\t(void)sched_yield();", True),
        ("while (mtx_trylock(&a) != thrd_success) {\n\tthrd_yield();\n}", True),
        ("while (pthread_rwlock_trywrlock(&a) != 0)\n\tusleep(100);", True),
        ("while (pthread_mutex_trylock(&a) != 0) {\n\tpthread_mutex_unlock(&b);", False),
        ("while (pthread_mutex_trylock(&a) != 0)\n\tback_off(&b);", False),
        ("while (pthread_mutex_trylock(&a) != 0 && tries++ < 9)\n\t;", False),
        ("while (pthread_mutex_trylock(&a) != 0) {\n\tsched_yield();\n\tlet_go();\n}", False),
        ("if (pthread_mutex_trylock(&a) != 0)\n\treturn;", False),
        ("while (pthread_mutex_timedlock(&a, &until) != 0)\n\t;", False),
    ],
)
def test_only_what_leaves_no_doubt_insists(tmp_path: Path, text: str, insists: bool) -> None:
    (tmp_path / "chat.c").write_text(f"int x;\n\t{text}\n")
    assert stubborn._insists(Frame("f", "chat.c", 2), tmp_path) == insists


# -- the record ---------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["cut", "magic", "node", "count"])
def test_a_damaged_record_is_trouble(shop: Workshop, tmp_path: Path, damage: str) -> None:
    """A program could write into the file; an answer out of it would be a guess."""
    run = shop.run(shop.build("lock_orders"), "plain", "bad")
    data = bytearray(run.counters.read_bytes())
    at = lockrecord._AT
    if damage == "cut":
        del data[at + lockrecord._SIZE - 1 :]
    elif damage == "magic":
        data[at] ^= 1
    elif damage == "count":
        data[at + 40 : at + 44] = b"\xff" * 4
    else:
        first = at + lockrecord._BEFORE_SITES - (lockrecord._WAITS - 1) * lockrecord._ENTRY.size
        data[first + 4 : first + 8] = b"\xff" * 4
    (tmp_path / "stats").write_bytes(data)
    with pytest.raises(Trouble):
        lockrecord.read(tmp_path / "stats")


def test_without_a_record_is_trouble(tmp_path: Path) -> None:
    with pytest.raises(Trouble):
        lockrecord.read(tmp_path / "stats")


# -- in words -----------------------------------------------------------------------------------


def told(shop: Workshop, way: str, kind: str = "plain") -> list[lockwords.Told]:
    program = shop.build("lock_orders", kind)
    record = lockrecord.read(shop.run(program, way, "bad").counters)
    return lockwords.tell(lockorder.cycles(record)[0], record, program, symbols.plainly)


@pytest.mark.parametrize("kind", ["plain", "tsan"])
def test_a_cycle_is_told_with_lines_names_and_threads(shop: Workshop, kind: str) -> None:
    """Locks that a function got as parameters have the names of the variables that they are."""
    ((finding, lines),) = told(shop, "plain", kind)
    text = describe(finding, PROGRAMS)
    first, second = line_of("lock_orders", "FIRST"), line_of("lock_orders", "SECOND")
    assert {f"{name}:{line}" for name, line in lines} == {first, second}
    for words in (first, second, "'b', holding 'a'", "'a', holding 'b'", "(part_main)"):
        assert words in text
    assert finding.cause == "lock-order"


def test_c11_threads_and_locks_have_lines(shop: Workshop) -> None:
    """Under ThreadSanitizer the shim makes them of pthreads; the line is the program's all the same."""
    for kind in ("plain", "tsan"):
        ((finding, _lines),) = told(shop, "c11", kind)
        assert all(access.frames[0].name == "lock_orders.c" for access in finding.accesses)


def test_an_element_of_an_array_has_its_place(shop: Workshop) -> None:
    ((finding, _lines),) = told(shop, "by-address")
    names = {access.taken for access in refine(finding, PROGRAMS).accesses}
    assert len(names) == 2
    assert all(name and name.startswith("nodes+") for name in names)


def test_a_variable_is_found_by_any_address_in_it() -> None:
    known = [addresses.Variable(16, 8, "a"), addresses.Variable(32, 4, "b")]
    found = [addresses.variable_at(at, known) for at in (8, 16, 23, 24, 35, 36)]
    assert [variable and variable.name for variable in found] == [None, "a", "a", None, "b", None]


# -- what the tools say -------------------------------------------------------------------------


def report(*lines: int, tool: str = "tsan") -> Finding:
    """A finding on locks taken in these lines of chat.c."""
    accesses = tuple(
        Access("takes a lock", "", "", (Frame("f", "chat.c", line),), taken=str(line))
        for line in lines
    )
    return Finding(tool, "lock-order", "lock-order", "order", None, accesses, None, False, "")


def test_a_report_of_what_is_not_possible_is_a_hint() -> None:
    race = Finding("tsan", "race", "data-race", "race", None, (), None, False, "")
    (hint, kept) = lockorder.settle([report(1, 2), race], [])
    assert (hint.advisory, kept) == (True, race)


def test_a_report_of_our_cycle_stands_for_it() -> None:
    """The tool's has whole stacks."""
    ours = report(1, 2, 3, 4, tool="record")
    places = frozenset({("chat.c", line) for line in (1, 2, 3, 4)})
    assert lockorder.settle([report(1, 2, 3)], [(ours, places)]) == [report(1, 2, 3)]


def test_what_no_tool_says_is_added() -> None:
    """And a report in other lines remains a hint."""
    ours = report(1, 2, tool="record")
    found = lockorder.settle([report(1, 9)], [(ours, frozenset({("chat.c", 1), ("chat.c", 2)}))])
    assert [(f.tool, f.advisory) for f in found] == [("tsan", True), ("record", False)]
