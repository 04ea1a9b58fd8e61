"""The flight recorder: each call is on record, with its result and its line, and nothing in a run changes by that."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labkit.box import symbols
from labkit.ground import proc
from labkit.ground.faults import Trouble
from labkit.hang import flight, rest
from labkit.hang.calls import Event, Flight
from workshop import NATIVE, PROGRAMS, SECONDS, Workshop, line_of, needs

HELGRIND = ("valgrind", "-q", "--tool=helgrind", f"--suppressions={NATIVE}/perturb.supp")
TOOLS = [
    pytest.param("plain", (), id="plain"),
    pytest.param("tsan", (), id="tsan"),
    pytest.param("asan", (), id="asan"),
    pytest.param("plain", HELGRIND, id="helgrind", marks=needs("valgrind")),
]
SOURCE = PROGRAMS / "flights.c"
# (line, call, result, name of an error): what the program's comments say
Said = tuple[int, str, str, str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("flight"))


def flown(shop: Workshop, form: str, kind: str = "plain", tool: tuple[str, ...] = ()) -> Flight:
    """What is on record of a run of the program flights."""
    run = shop.run(shop.build("flights", kind), form, tool=tool)
    assert (run.status, run.races, run.output) == (0, [], "")
    return flight.read(run.counters)


def said() -> list[Said]:
    found = []
    for number, text in enumerate(SOURCE.read_text().splitlines(), 1):
        if mark := re.search(r"/\* = (\w+) (\S+) ?(\w*) \*/", text):
            found.append((number, *mark.groups()))
    return found


def lines_of(found: Flight, program: Path) -> Callable[[Event], int]:
    frames = flight.lines(found, program, symbols.plainly)
    return lambda event: next((f.line or 0 for f in frames(event.site) if f.name == SOURCE.name), 0)


def fits(event: Event, wanted: str) -> bool:
    return wanted == "*" or (event.result > 0 if wanted == "+" else event.result == int(wanted))


# -- what is on record ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind, tool", TOOLS)
def test_each_call_is_on_record(shop: Workshop, kind: str, tool: tuple[str, ...]) -> None:
    """With its name, its result, its error and its line, under every tool; and no tool has a word to say."""
    found = flown(shop, "calls", kind, tool)
    line = lines_of(found, shop.build("flights", kind))
    by_line = {line(event): event for event in found.of(0)}
    for number, call, result, error in said():
        event = by_line.get(number)
        assert event and event.call == call, (number, call, event)
        assert fits(event, result), (number, event)
        assert event.error == (getattr(errno, error) if error else 0), (number, event)
        assert event.ended is not None and event.ended >= event.began
    assert found.lost(0) == found.unrecorded == 0


def test_calls_come_in_their_order(shop: Workshop) -> None:
    found = flown(shop, "calls")
    line = lines_of(found, shop.build("flights"))
    wanted = [number for number, *_rest in said()]
    assert [n for n in map(line, found.of(0)) if n in wanted] == wanted


def test_threads_are_named_by_their_numbers(shop: Workshop) -> None:
    """What was created, joined and detached; the lines where each was started."""
    found = flown(shop, "calls")
    about = {e.call: e.object for e in found.of(0) if e.call in ("pthread_join", "pthread_detach")}
    assert about == {"pthread_join": 1, "pthread_detach": 2}
    assert [e.object for e in found.of(0) if e.call == "pthread_create"] == [1, 2]
    assert {found.lives[n].creator for n in (1, 2)} == {0}
    assert found.lives[1].ended and found.lives[1].routine


def test_a_spinning_call_is_one_event(shop: Workshop) -> None:
    (event,) = [event for event in flown(shop, "spin").of(0) if event.call == "recv"]
    assert (event.result, event.error, event.repeats) == (0, 0, 1_000_000)


def test_a_loop_of_calls_is_counted(shop: Workshop) -> None:
    """Each of its calls once, with the number of rounds, in their order."""
    calls = [e for e in flown(shop, "cycle").of(0) if e.call != "socketpair"]
    assert {event.repeats for event in calls} == {1000}
    assert [event.call for event in calls] == [
        "pthread_mutex_lock",
        "pthread_mutex_unlock",
        "send",
        "recv",
    ]


def test_what_there_is_no_room_for_is_counted(shop: Workshop) -> None:
    """The last calls are there, and it is said how many are not: those of locks push out no others."""
    found = flown(shop, "overrun")
    seeks = [event.result for event in found.of(0) if event.call == "lseek"]
    assert seeks == list(range(10_000 - len(seeks), 10_000))
    assert len(seeks) >= 256
    assert found.lost(0) == 10_000 - len(seeks) + 2  # socketpair and open came before


def test_a_number_that_is_given_again(shop: Workshop) -> None:
    """It is known who closed it, and that it was opened again by another."""
    found = flown(shop, "handed-on")
    failed = found.last_failed("recv")
    assert failed and failed.error == errno.ENOTCONN
    number = found.closed_before(failed)
    assert number and (number.closer, number.close_call) == (1, "close")
    assert number.opened > number.closed and number.open_call == "socket"
    where = flight.lines(found, shop.build("flights"), symbols.plainly)(number.close_site)
    assert f"{where[0].name}:{where[0].line}" == line_of("flights", "too early")


def test_a_handler_is_on_record(shop: Workshop) -> None:
    """It ran within the call that it interrupted, and what it called is its own. The program sees its own handler."""
    found = flown(shop, "handler")
    line = lines_of(found, shop.build("flights"))
    first, second = [event for event in found.of(0) if event.call == "handler"]
    (interrupted,) = [event for event in found.of(0) if event.call == "read"]
    assert (first.detail, second.detail) == (signal.SIGUSR1, signal.SIGUSR2)
    assert (interrupted.result, interrupted.error) == (-1, errno.EINTR)
    assert first.ended and interrupted.ended and interrupted.began <= first.began
    assert first.ended <= interrupted.ended < second.began
    assert f"{SOURCE.name}:{line(first)}" == line_of("flights", "handles")


def test_a_jump_out_of_a_handler_leaves_the_call(shop: Workshop) -> None:
    """Which has no end then; the thread is not taken to be in it."""
    found = flown(shop, "jump")
    unfinished = {event.call for event in found.of(0) if event.ended is None}
    assert unfinished == {"read", "handler"}
    assert found.now(0) is None
    assert found.of(0)[-3].call == "pthread_join"


@pytest.mark.parametrize("form, call", [("prints", "fprintf"), ("locks", "pthread_mutex_lock")])
def test_an_unsafe_call_of_a_handler_is_on_record(shop: Workshop, form: str, call: str) -> None:
    """With its line, and a call amid which its signal can come."""
    program = shop.build("handlers")
    run = shop.run(program, form)
    assert run.status == 0, run.output
    found = flight.read(run.counters)
    assert found.unsafe and (found.unsafe.signal, found.unsafe.call) == (signal.SIGUSR1, call)
    where = flight.lines(found, program, symbols.plainly)(found.unsafe.met_site)
    assert f"{where[0].name}:{where[0].line}" == line_of("handlers", "amid which it can come")


@pytest.mark.parametrize(
    "form", ["writes", "in-ppoll", "around-poll", "raised", "after-jump", "taken-away"]
)
def test_a_handler_that_does_no_harm_is_not(shop: Workshop, form: str) -> None:
    """It calls what is safe, or its signal comes only where it can."""
    run = shop.run(shop.build("handlers"), form)
    assert run.status == 0, run.output
    assert flight.read(run.counters).unsafe is None


# -- while it runs, and after it was killed ---------------------------------------------------------


def test_what_each_thread_is_inside_of(shop: Workshop, tmp_path: Path) -> None:
    """Seen while the program runs, and still there when it has been killed."""
    stats, program = tmp_path / "stats", shop.build("flights")
    environment = {"LD_PRELOAD": str(shop.shim), "PERTURB_STATS": str(stats)}
    process = subprocess.Popen([program, "blocked"], env={**os.environ, **environment})
    try:
        running = _when(stats, lambda found: found.now(1) is not None)
        assert_blocked(running, program)
        assert _eventually(lambda: rest.at_rest({process.pid: stats}))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert_blocked(flight.read(stats), program)


def assert_blocked(found: Flight, program: Path) -> None:
    now, main = found.now(1), found.now(0)
    assert now and (now.call, now.ended, now.asked) == ("recv", None, 8)
    assert f"{SOURCE.name}:{lines_of(found, program)(now)}" == line_of("flights", "waits")
    assert main and (main.call, main.object) == ("pthread_join", 1)
    ((held),) = found.lives[1].held
    taken = next(event for event in found.of(1) if event.call == "pthread_mutex_lock")
    assert (held.lock, held.site) == (taken.object, taken.site)
    assert found.lives[0].held == () and found.alive() == [0, 1]


@pytest.mark.parametrize("form, call", [("polls", "poll"), ("patient", "recv")])
def test_a_wait_that_ends_by_a_clock_is_no_rest(
    shop: Workshop, tmp_path: Path, form: str, call: str
) -> None:
    """Though the thread sleeps for a minute: a time-out of the call, or one of the socket."""
    stats = tmp_path / "stats"
    environment = {"LD_PRELOAD": str(shop.shim), "PERTURB_STATS": str(stats)}
    process = subprocess.Popen([shop.build("flights"), form], env={**os.environ, **environment})
    try:
        found = _when(stats, lambda found: getattr(found.now(0), "call", "") == call)
        assert found.now(0) in found.of(0)
        assert _eventually(lambda: proc.state(process.pid) == "S")
        assert not any(rest.at_rest({process.pid: stats}) for _look in range(5))
    finally:
        process.kill()
        process.wait()


def _eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def _when(stats: Path, condition: Callable[[Flight], bool]) -> Flight:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            if condition(found := flight.read(stats)):
                return found
        except Trouble:
            pass  # it has not begun yet
        time.sleep(0.01)
    raise AssertionError("it never came to that")


# -- many threads -----------------------------------------------------------------------------------


def test_ten_thousand_threads_are_on_record(shop: Workshop) -> None:
    """Those of which there is no ring left have their last calls, and the number of those that are lost."""
    run = shop.run(shop.build("many_threads"))
    if run.status == 2:
        pytest.skip(f"this machine has no room for them: {run.output.strip()}")
    found = flight.read(run.counters)
    assert len(found.lives) == 10_001 and found.unrecorded == 0
    assert all(found.of(thread) for thread in found.lives)


def test_a_damaged_record_is_none(shop: Workshop, tmp_path: Path) -> None:
    """A program can write the file: what does not fit is said to be none, and nothing else comes of it."""
    run = shop.run(shop.build("flights"), "calls")
    whole = run.counters.read_bytes()
    damaged = tmp_path / "stats"
    for at in range(flight._AT, flight._AT + 5_600_000, 200_000):
        damaged.write_bytes(whole[:at] + os.urandom(64) + whole[at + 64 :])
        try:
            flight.read(damaged)
        except Trouble:
            pass
    damaged.write_bytes(whole[: flight._AT + 1000])
    with pytest.raises(Trouble):
        flight.read(damaged)
