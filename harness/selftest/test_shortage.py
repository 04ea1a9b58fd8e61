"""What the machine lacks is no student's fault: no threads, no processes, no memory left for the program."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from commandline import lab, verdicts
from labkit.grading.grader import Grader
from labkit.grading.shortage import Watch
from labkit.grading import grader, shortage
from labkit.ground.catalog import SOLUTIONS
from labkit.ground.faults import Fault, Trouble
from labkit.ground.pace import OVERLOAD, Pace

SMALL = 'echo 400 >/proc/sys/kernel/pid_max && exec "$0" "$@"'
SPACE = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-ec"]


def own_pid_max() -> bool:
    """Whether a PID namespace has a limit of its own, which can be set here: Linux 6.14."""
    before = Path("/proc/sys/kernel/pid_max").read_text()
    done = subprocess.run(
        [*SPACE, "test $(cat /proc/sys/kernel/ns_last_pid) -lt 100 && " + SMALL, "true"]
    )
    return done.returncode == 0 and Path("/proc/sys/kernel/pid_max").read_text() == before


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """A look at a machine that has plenty of everything."""
    monkeypatch.setattr(shortage, "_first_namespace", lambda: True)
    monkeypatch.setattr(shortage, "most_tasks", lambda: 1000)
    monkeypatch.setattr(shortage, "_tasks", lambda: 100)
    monkeypatch.setattr(shortage, "_refused", lambda: 7)
    monkeypatch.setattr(shortage, "_killed", lambda: 3)
    monkeypatch.setattr(shortage, "available_memory", lambda: 1 << 30)
    with Watch() as watch:
        yield watch


def test_nothing_is_lacking(watch: Watch) -> None:
    """A machine that has what is needed takes nobody's fault away."""
    assert watch.lacking() == "" and not watch.killed_for_memory() and shortage.over()


@pytest.mark.parametrize(
    "what, value, words",
    [
        ("_tasks", 990, "hardly any processes and threads left of 1000"),
        ("_refused", 8, "pids.max"),
        ("threads_left", False, "no more threads can be started"),
        ("available_memory", 1 << 20, "hardly any memory"),
    ],
)
def test_what_is_lacking_is_named(
    what: str, value: int, words: str, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has words of its own."""
    monkeypatch.setattr(shortage, what, lambda *_count: value)
    assert words in watch.lacking()


def test_a_shortage_that_has_gone_by(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there while the check ran: that counts, though there is room again."""
    looked = threading.Event()

    def crowded() -> int:
        looked.set()
        return 999

    monkeypatch.setattr(shortage, "_tasks", crowded)
    assert looked.wait(30.0)
    assert Pace().eventually(lambda: watch._most_tasks == 999, 10.0)
    monkeypatch.setattr(shortage, "_tasks", lambda: 100)
    assert "hardly any processes" in watch.lacking()


def test_threads_can_be_started_here() -> None:
    """And all of those that were started for a trial have ended."""
    before = threading.active_count()
    assert shortage.threads_left() and threading.active_count() == before


# -- what becomes of a fault -----------------------------------------------------------------------------


def judged(
    fault: Fault, watch: Watch, *, resident: int = 0, killed: Fault | None = None, load: float = 2.0
) -> Exception:
    """What the grader makes of a fault of a program that had so much memory when somebody ended it."""
    program = SimpleNamespace(most_resident=resident)
    pace = SimpleNamespace(overloaded=lambda: load > OVERLOAD, heaviest=load)
    scene = SimpleNamespace(
        programs=[program],
        trouble=lambda: None,
        killed=lambda: killed,
        ended_by_others=lambda: [program] if resident else [],
    )
    return Grader._whose(cast(Grader, SimpleNamespace(_scene=scene, pace=pace)), fault, watch)


def test_a_fault_is_a_fault(watch: Watch) -> None:
    """Where nothing lacked."""
    fault = Fault("wrong bytes")
    assert judged(fault, watch) is fault


def test_a_fault_of_a_machine_without_threads(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ours; but not what a tool has seen, and not what the harness ended a program for."""
    monkeypatch.setattr(shortage, "_refused", lambda: 8)
    assert isinstance(judged(Fault("a client was lost"), watch), Trouble)
    race, bomb = Fault("a race", certain=True), Fault("too many processes", cause="forks")
    assert judged(race, watch) is race
    assert judged(Fault("a client was lost"), watch, killed=bomb) is bomb


def test_a_fault_on_an_overloaded_machine(watch: Watch) -> None:
    """Nothing that depends on time can be judged there; what a tool has seen is true all the same."""
    trouble = judged(Fault("it did not stop in time"), watch, load=31.0)
    assert isinstance(trouble, Trouble) and "up to 31 threads" in str(trouble)
    race = Fault("a race", certain=True)
    assert judged(race, watch, load=31.0) is race


def test_whose_memory_it_was(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended by the kernel: a fault of a program that had taken much, the machine's trouble for one that had taken little."""
    monkeypatch.setattr(shortage, "_killed", lambda: 4)
    much = judged(Fault("it ended", cause="crash"), watch, resident=2 * grader.HOG)
    assert isinstance(much, Fault) and much.cause == "memory"
    assert isinstance(judged(Fault("it ended", cause="crash"), watch, resident=1 << 20), Trouble)
    own = Fault("it killed itself", cause="crash")
    assert judged(own, watch) is own


@pytest.mark.parametrize(
    "raised", [RuntimeError("can't start new thread"), MemoryError(), BlockingIOError(11, "fork")]
)
def test_the_harness_itself_is_short(raised: Exception) -> None:
    """A sentence, no traceback, no bug of ours."""
    assert grader._our_fault(raised).startswith("the machine failed: ")


@pytest.mark.skipif(os.geteuid() != 0 or not own_pid_max(), reason="no pid_max of one's own here")
def test_a_machine_with_few_threads(tmp_path: Path) -> None:
    """A thousand rockets where there are 400 threads: an error, no failure, no points lost for good."""
    work: list[str | Path] = ["check", "03", "--step", "4", "--work", SOLUTIONS]
    work += ["--check", "test_threads_are_threads", "--report", tmp_path]
    ran = lab(*work, inside=[*SPACE, SMALL])
    assert (ran.status, verdicts(tmp_path, "03-rockets")) == (3, ["error"]), ran.words
    # What meets the limit first is the program, or the harness that cannot start another one.
    said = ("threads can be started here", "Resource temporarily unavailable")
    assert any(words in ran.words for words in said) and "Traceback" not in ran.words
