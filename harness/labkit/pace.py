"""Time: deadlines on the monotonic clock, scaled by what this machine does right now.

Every bound of the contract is meant for an idle machine. The pace is the factor by which the machine is
slower at the moment; it is at least 1, measured on a known program at the start (`Pace.measured`) and on
the load when a deadline is made.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from labkit.faults import Trouble
from labkit.words import _

PROBE_ROUNDS = 20_000
PROBES = 3
LOOKS = 3
MOST = 30.0
FRESH_SECONDS = 0.2


def contention() -> float:
    """How many times longer than its own CPU time a short piece of work takes here and now (at least 1).

    The median of a few: one that was preempted in the middle says little.
    """
    return max(1.0, statistics.median(_one_probe() for _probe in range(PROBES)))


def _one_probe() -> float:
    wall, cpu = time.perf_counter(), time.thread_time()
    total = 0
    for i in range(PROBE_ROUNDS):
        total += i
    wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
    return wall / max(cpu, 1e-4)


def runnable_per_core() -> float:
    """How many threads want each core at this moment, ours included (at least 1)."""
    try:
        running = int(open("/proc/loadavg", encoding="ascii").read().split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return 1.0
    return max(1.0, running / max(1, len(os.sched_getaffinity(0))))


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock. `allowed` is the span in seconds that it was made with."""

    at: float
    allowed: float

    @property
    def left(self) -> float:
        """Seconds until then, never negative."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        return time.monotonic() >= self.at


class Pace:
    """The one factor by which everything time-bound is scaled."""

    def __init__(self, measured: float = 1.0) -> None:
        self.measured = min(MOST, max(1.0, measured))
        self._load = 1.0
        self._looked = -FRESH_SECONDS

    def factor(self) -> float:
        """The larger of what was measured at the start and what the machine's load says now."""
        if time.monotonic() - self._looked > FRESH_SECONDS:
            # Of three looks the middle one: a burst of short processes is no load.
            self._load = statistics.median(
                max(contention(), runnable_per_core()) for _look in range(LOOKS)
            )
            self._looked = time.monotonic()
        return min(MOST, max(self.measured, self._load))

    def deadline(self, seconds: float, weight: float = 1.0) -> Deadline:
        """A deadline in `seconds` of an idle machine; `weight` is for a slower tool (a sanitizer)."""
        allowed = seconds * weight * self.factor()
        return Deadline(time.monotonic() + allowed, allowed)

    def eventually(
        self, condition: Callable[[], bool], seconds: float, weight: float = 1.0
    ) -> bool:
        """Wait for a condition; False if it does not hold by the deadline."""
        deadline = self.deadline(seconds, weight)
        pause = 0.001
        while not condition():
            if deadline.passed:
                return condition()
            time.sleep(pause)
            pause = min(0.02, pause * 1.5)
        return True

    def took_longer(self, started: float, seconds: float) -> bool:
        """Whether more than `seconds`, scaled, have passed since `started` (monotonic)."""
        return time.monotonic() - started > seconds * self.factor()


def watchdog(_signal: int, _frame: object) -> None:
    """SIGALRM's handler: a check that outlives its own deadlines is our bug, not a student's."""
    raise Trouble(_("a check took far longer than the sum of its deadlines"))
