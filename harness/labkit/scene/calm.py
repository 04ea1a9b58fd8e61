"""Whether a program sleeps while there is nothing to do, told by the CPU time of its threads.

On a busy machine a thread that spins gets little CPU, but it wants one all the time: the kernel counts, for each
thread, how long it ran, how long it was ready and waited for a CPU, and how often it went to sleep by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from labkit.ground import proc
from labkit.ground.faults import Fault
from labkit.ground.proc import Task
from labkit.ground.words import _
from labkit.scene.running import Running

WINDOW_SECONDS = 0.4
LOOKS = 3  # windows in a row that must all show the same
MOST_SHARE = 0.15  # of one CPU, by all threads together
MOST_WANTED = 0.6  # of the time, by a thread that hardly ever sleeps
FEW_SLEEPS = 10  # a second
MOST_WAKES = 400  # a second in which a CPU was to be had: who looks every ten milliseconds wakes a hundred times
LEAST_SHARE = (
    0.01  # what a thread gets that wants a CPU all the time; a tick now and then needs less
)
NEW = Task(0, "", 0.0, 0.0, 0, 0, 0)  # a thread that was not there before
FEW_THREADS = 2  # that spin: main and one more; beyond that it is the clients' threads


@dataclass(frozen=True)
class Spin:
    """What was seen of a program that does not sleep. busy: its threads that want a CPU all the time."""

    share: float
    seconds: float
    threads: int
    busy: tuple[int, ...]

    @property
    def cause(self) -> str:
        """What it is called where nothing more is known."""
        return "spins-on-client" if len(self.busy) > FEW_THREADS else "busy-wait"

    def __str__(self) -> str:
        return _(
            "{n} of its {all} threads are awake all the time, or wake hundreds of times a second; {s:.2f} s of CPU in {t:.1f} s"
        ).format(n=len(self.busy), all=self.threads, s=self.share * self.seconds, t=self.seconds)


def spin(program: Running) -> Spin | None:
    """Whether a program spins; what is seen in several windows in a row is no leftover of its work."""
    seen = None
    for _look in range(LOOKS):
        before, began = proc.tasks(program.pid), time.monotonic()
        program.scene.pace.eventually(
            lambda: not program.running or time.monotonic() - began > WINDOW_SECONDS, 5.0
        )
        seen = _compared(before, proc.tasks(program.pid), time.monotonic() - began)
        if seen is None:
            return None
    return seen


def _compared(before: Mapping[int, Task], after: Mapping[int, Task], seconds: float) -> Spin | None:
    """What happened between two looks; None where the program slept."""
    busy, total = [], 0.0
    for thread, now in after.items():
        then = before.get(thread, NEW)
        ran, wanted = now.ran - then.ran, now.ran - then.ran + now.waited - then.waited
        total += ran
        sleeps = (now.slept - then.slept) / seconds
        # On a busy machine a thread wakes less often, since it waits for a CPU each time.
        own = seconds - now.waited + then.waited
        looks = now.slept - then.slept > MOST_WAKES * own > MOST_WAKES * seconds / 10
        always = wanted > MOST_WANTED * seconds and sleeps < FEW_SLEEPS
        spins = always and ran > LEAST_SHARE * seconds
        if spins or looks or ran > MOST_SHARE * seconds:
            busy.append(thread)
    share = total / seconds
    if not busy and share < MOST_SHARE:
        return None
    return Spin(share, seconds, len(after), tuple(busy))


def must_sleep(program: Running, while_: str, cause: str = "") -> None:
    """Fault where a program uses a CPU though there is nothing to do.

    while_: what is the matter at the moment, as a sentence's beginning. cause: where it is not the usual one.
    """
    seen = spin(program)
    program.must_not_have_died()
    if seen:
        raise Fault(
            _("{when}, and {program} spins instead of sleeping").format(
                when=while_, program=program.program
            ),
            expected=_("all its threads sleep"),
            got=str(seen),
            cause=cause or seen.cause,
            about=program,
        )
