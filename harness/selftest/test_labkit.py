"""The parts of labkit one by one: catalog, journal, time, likely causes, ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commandline import SAMPLE
from labkit.box import network
from labkit.ground import catalog, pace, proc
from labkit.ground.faults import Trouble
from labkit.ground.journal import Journal, hang, printable
from labkit.ground.pace import Deadline, Pace
from labkit.ground.words import folded
from labkit.wire.clients import likely_cause

# -- catalog ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [lab.name for lab in catalog.all_labs()])
def test_a_labs_description(name: str) -> None:
    """Steps are numbered from 1, are worth 100 points, build on earlier ones only, and have two titles."""
    lab = catalog.find(name)
    assert [step.number for step in lab.steps] == list(range(1, len(lab.steps) + 1))
    assert sum(step.points for step in lab.steps) == 100
    assert lab.name.startswith(f"{lab.number}-") and lab.checks.is_dir()
    for step in lab.steps:
        assert all(number < step.number for number in step.needs)
        assert step.title.isascii() and not step.title_ru.isascii()
        assert lab.step(step.number) is step


def test_the_headings_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """LANGUAGE goes before the locale; both languages have a handout of their own."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    assert (SAMPLE.heading, SAMPLE.steps[0].heading) == ("Образец", "Первый")
    assert SAMPLE.handout == "labs/07-sample/README.ru.md"
    monkeypatch.setenv("LANGUAGE", "en:ru")
    assert (SAMPLE.heading, SAMPLE.handout) == ("A sample", "labs/07-sample/README.md")


@pytest.mark.parametrize("text", ["2", "02", "02-threaded-echo"])
def test_a_lab_is_found(text: str) -> None:
    """By its number, with or without the nought, and by its name."""
    assert catalog.find(text).name == "02-threaded-echo"


@pytest.mark.parametrize("text", ["", "0", "002", "2-threaded-echo", "-1", "common", "01-echo/"])
def test_no_such_lab(text: str) -> None:
    """Anything else is no lab, and the error lists the labs."""
    with pytest.raises(catalog.NoSuchLab, match="01-echo, 02-threaded-echo"):
        catalog.find(text)


def test_no_such_step() -> None:
    """A step that is not there is a KeyError."""
    with pytest.raises(KeyError):
        SAMPLE.step(4)


# -- the journal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, shown",
    [
        (b"", '""'),
        (b"hello\n", '"hello\\n"'),
        (b'\r\t"\\', '"\\r\\t\\"\\\\"'),
        (b"\0\x1b\x7f\xff", '"\\x00\\x1b\\x7f\\xff"'),
        ("да".encode(), '"\\xd0\\xb4\\xd0\\xb0"'),
        (64 * b"x", f'"{64 * "x"}"'),
        (32 * b"a" + b"--" + 32 * b"b", f'"{32 * "a"}" … "{32 * "b"}" (66 bytes)'),
    ],
)
def test_bytes_are_shown_as_c_writes_them(data: bytes, shown: str) -> None:
    """Plain ASCII, escapes for the rest, the middle left out where it is long."""
    assert printable(data) == shown


@given(st.binary(max_size=300))
def test_shown_bytes_steer_no_terminal(data: bytes) -> None:
    """Whatever comes, only printable characters come out."""
    assert printable(data).isprintable()


def test_a_conversation_is_in_order() -> None:
    """Lines with the time, the side, the event and the bytes, one below the other."""
    journal = Journal()
    journal.note("server", "is started")
    journal.sent("client 1", b"hello\n")
    journal.received("client 1", b"hello\n")
    times, lines = zip(*(line.split(" s  ", 1) for line in journal.text().splitlines()))
    assert lines == (
        "server    is started",
        'client 1  sends "hello\\n"',
        'client 1  receives "hello\\n"',
    )
    assert sorted(map(float, times)) == list(map(float, times))


def test_a_long_conversation_is_cut_at_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last events are shown, with the number of those before; of very many only the last are kept."""
    monkeypatch.setattr(Journal, "KEPT", 10)
    journal = Journal()
    threads = [threading.Thread(target=journal.note, args=("x", str(i))) for i in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.text(3).splitlines()[0] == "… 27 earlier"
    assert len(journal.text(3).splitlines()) == 4
    assert journal.text().splitlines()[0] == "… 20 earlier"


# -- time ------------------------------------------------------------------------------------------------


def test_a_deadline_passes() -> None:
    """What is left is never negative."""
    gone, far = Deadline(time.monotonic() - 1, 1.0), Deadline(time.monotonic() + 100, 100.0)
    assert (gone.passed, gone.left) == (True, 0.0)
    assert not far.passed and 99 < far.left <= 100


@pytest.mark.parametrize("measured, least, most", [(0.1, 1, 1), (4.0, 4, 4), (1000.0, 30, 30)])
def test_the_pace_is_bounded(
    measured: float, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fast machine gets no less time than the contract says, a very slow one not all the time there is."""
    monkeypatch.setattr(pace, "contention", lambda: 1.0)
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: 1.0)
    assert least <= Pace(measured).factor() <= most


def test_the_pace_follows_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """The larger of what was measured and what is seen now; looked at again only after a while."""
    monkeypatch.setattr(pace, "contention", lambda: 3.0)
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: 5.0)
    clock = Pace(2.0)
    assert clock.factor() == 5.0
    assert clock.deadline(1.0, weight=2.0).allowed == 10.0
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: 1.0)
    assert clock.factor() == 5.0
    time.sleep(pace.FRESH_SECONDS * 1.1)
    assert clock.factor() == 3.0


def test_an_overloaded_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The highest load of others that was seen since it was set back, or that of now."""
    monkeypatch.setattr(pace, "contention", lambda: 1.0)
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: 31.0)
    clock = Pace()
    clock.factor()
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: 4.0)
    assert clock.overloaded() and clock.heaviest == 31.0
    clock.heaviest = 1.0
    assert not clock.overloaded()
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: 31.0)
    assert clock.overloaded()


def test_a_burst_is_no_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the looks of the last two seconds a middle one counts: what lasts a moment stretches nothing."""
    seen = iter([1.0, 1.0, 60.0, 1.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0])
    instants = iter(100.0 + 0.3 * i for i in range(10))
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: next(instants)))
    clock = Pace()
    monkeypatch.setattr(clock, "_look", lambda: next(seen))
    factors = [clock.factor() for _time in range(10)]
    assert factors[:5] == [1.0] * 5
    assert factors[-1] == 8.0


@pytest.mark.parametrize("later, allowed", [(1.0, 2.0), (4.0, 4.0), (90.0, 30.0)])
def test_a_deadline_is_put_off_where_load_has_come(
    later: float, allowed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The load of others when the time is over counts too if it is more, once; it takes no time away."""
    monkeypatch.setattr(pace, "contention", lambda: 2.0)
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: 1.0)
    deadline = Pace().deadline(1.0)
    assert deadline.allowed == 2.0
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: later)
    deadline.at = time.monotonic() - 0.1
    assert (deadline.passed, deadline.allowed) == (allowed == 2.0, pytest.approx(allowed))
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: 20.0)
    deadline.at = time.monotonic() - 0.1
    assert (deadline.passed, deadline.allowed) == (True, pytest.approx(allowed))


@pytest.mark.parametrize("seconds, allowed", [(0.5, 15.0), (1.0, 30.0), (5.0, 30.0), (20.0, 60.0)])
def test_a_long_wait_is_stretched_less(
    seconds: float, allowed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that is 30 times slower half a second becomes 15, and 20 seconds a minute."""
    clock = Pace()
    monkeypatch.setattr(clock, "factor", lambda: 30.0)
    assert clock.deadline(seconds).allowed == pytest.approx(allowed)


def test_what_is_tested_is_no_load() -> None:
    """Threads of the program under test that want to run don't stretch its deadlines."""
    spin = "import os\nfor _ in range(5): os.fork()\nprint(flush=True)\nwhile True: pass"
    with subprocess.Popen(
        [sys.executable, "-c", spin], stdout=subprocess.PIPE, start_new_session=True
    ) as spinning:
        try:
            assert spinning.stdout
            for _process in range(32):
                spinning.stdout.readline()
            pids = proc.tree(spinning.pid)
            assert len(pids) == 32
            all_of_them, others = pace.runnable_per_core(), pace.runnable_per_core(pids)
        finally:
            os.killpg(spinning.pid, signal.SIGKILL)
    cores = len(os.sched_getaffinity(0))
    assert all_of_them - others > 20 / cores


def test_our_own_work_beside_what_is_tested_is_no_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that spins in 20 threads makes our work longer, too; that stretches none of its deadlines."""
    cores = len(os.sched_getaffinity(0))
    monkeypatch.setattr(pace, "contention", lambda: 21 / cores)
    monkeypatch.setattr(pace, "runnable_per_core", lambda _tested: 1.0)
    monkeypatch.setattr(pace, "runnable", lambda _tested: 20)
    assert Pace().factor() == pytest.approx(1.0)
    monkeypatch.setattr(pace, "runnable", lambda _tested: 0)
    assert Pace().factor() == pytest.approx(max(1.0, 21 / cores))


def test_the_load_is_at_least_one() -> None:
    """An idle machine is no faster than an idle machine."""
    assert pace.contention() >= 1.0 and pace.runnable_per_core() >= 1.0


def test_waiting_for_a_condition() -> None:
    """It ends when the condition holds, or at the deadline, with one more look."""
    looks = iter([False, False, True])
    assert Pace().eventually(lambda: next(looks), 5.0)
    assert not Pace().eventually(lambda: False, 0.0)
    began = time.monotonic()
    assert not Pace().eventually(lambda: False, 0.05)
    assert time.monotonic() - began >= 0.05


def test_a_check_that_hangs_is_our_error() -> None:
    """The watchdog's signal becomes Trouble, never a student's fault."""
    with pytest.raises(Trouble, match="far longer"):
        pace.watchdog(signal.SIGALRM, None)


# -- clients and ports -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expected, got, ended, cause",
    [
        (b"abc", b"abc", False, None),
        (b"abc", b"", False, "no-answer"),
        (b"abc", b"", True, "closes-early"),
        (b"abc", b"ab", False, "incomplete-echo"),
        (b"abc", b"ab", True, "closes-early"),
        (b"abc", b"abd", True, "wrong-bytes"),
        (b"a\0b", b"a", True, "stops-at-nul"),
        (b"a\0b", b"a\0", False, "stops-at-nul"),
        (b"a\0b", b"a\0\0", True, "stops-at-nul"),
        (b"a\0b", b"", True, "closes-early"),
    ],
)
def test_the_likely_cause(expected: bytes, got: bytes, ended: bool, cause: str | None) -> None:
    """What a pair of byte strings shows."""
    assert likely_cause(expected, got, ended) == cause


def test_listening_ports_are_read_from_the_kernel() -> None:
    """Address, port and the clients in the queue, for both families; no client is taken out of it."""
    with socket.create_server(("127.0.0.1", 0)) as four, socket.socket(socket.AF_INET6) as six:
        six.bind(("::1", 0))
        six.listen()
        address = four.getsockname()
        with socket.create_connection(address), socket.create_connection(address):
            found = network.listening_ports(os.getpid())
        assert found[address] == 2
        assert found[six.getsockname()[:2]] == 0
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            assert bound.getsockname() not in network.listening_ports(os.getpid())
    assert address not in network.listening_ports(os.getpid())
    assert network.listening_ports(0) == {}


def test_a_long_line_of_the_conversation_is_folded() -> None:
    """It goes on below its text, fits the terminal, and loses no character, spaces included."""
    line = '    0.162 s  client 1     sends "' + "many  bytes " * 12 + '"'
    first, *rest = folded(line, 77, hang(line))
    head = len("    0.162 s  client 1     ")
    assert all(len(part) <= 77 for part in (first, *rest)) and rest
    assert all(part.startswith(" " * head) for part in rest)
    assert first + "".join(part[head:] for part in rest) == line
