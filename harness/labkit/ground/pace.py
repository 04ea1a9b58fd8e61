"""Time: deadlines on the monotonic clock, scaled by what this machine does right now.

Every bound of the contract is meant for an idle machine. The pace is the factor by which the machine is
slower at the moment; it is at least 1, measured on a known program at the start (`Pace.measured`) and on
the load when a deadline is made, and once more when it is over: the load may have come in between. Load is
what others make and what lasts: were the threads of the program under test counted, those of its children in
whatever session, or a burst of a moment, then a program that spins would stretch its own deadlines.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from labkit.ground import proc
from labkit.ground.faults import Trouble
from labkit.ground.words import _

PROBE_ROUNDS = 20_000
LOOKS = 3
MOST = 30.0
# Threads of others for each core: past it, too little is left to judge anything by time.
OVERLOAD = 20.0
LONG_SECONDS, MOST_LONG = 30.0, 3.0
FRESH_SECONDS, MOST_FRESH_SECONDS = 0.2, 1.0
LOOK_SHARE = 0.02  # of a processor's time, that looks may take: they are a load, too
MOST_THREADS = 200  # of a process, that are looked at: a look at thousands would itself be the load
LOOK_EVERY_SECONDS = 0.2  # from one look at whether programs rest to the next
LOOK_COST = 0.1  # the share of the time that these looks may take
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.02  # seconds between two looks at a condition
RECENT_SECONDS = 2.0  # of several looks in this time a middle one counts


def contention() -> float:
    """How many times longer than its own CPU time a short piece of work takes here and now (at least 1)."""
    wall, cpu = time.perf_counter(), time.thread_time()
    total = 0
    for i in range(PROBE_ROUNDS):
        total += i
    wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
    return max(1.0, wall / max(cpu, 1e-4))


def runnable_per_core(tested: Iterable[int] = ()) -> float:
    """How many threads want each core at this moment, ours included (at least 1).

    tested: the ids of processes whose threads don't count.
    """
    cores = max(1, len(os.sched_getaffinity(0)))
    try:
        running = int(open("/proc/loadavg", encoding="ascii").read().split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return 1.0
    if running > cores:
        running -= runnable(tested)
    return max(1.0, running / cores)


def runnable(pids: Iterable[int]) -> int:
    """How many threads of these processes run or want to; of a process of very many, as a sample says."""
    total = 0.0
    for pid in pids:
        threads = proc.threads(pid)
        step = max(1, -(-len(threads) // MOST_THREADS))
        wanting = sum(proc.state(pid, thread) == "R" for thread in threads[::step])
        total += wanting * len(threads) / max(1, len(threads[::step]))
    return round(total)


def own_per_core(tested: Iterable[int]) -> float:
    """By how much what is tested makes a piece of our work longer, beside nobody else (at least 1)."""
    return max(1.0, (1 + runnable(tested)) / max(1, len(os.sched_getaffinity(0))))


@dataclass
class Deadline:
    """A moment on the monotonic clock. `allowed` is the span in seconds that it was made with.

    longer: the span that the load of this moment would allow. If that is more when the time is over, the
    deadline is extended, once: asked repeatedly it would keep the highest load ever seen.
    still: what the programs under test are in, if it is proved that they rest until something comes from us; else None.
    proved: whether the wait ended by that, and not by the clock.
    """

    at: float
    allowed: float
    longer: Callable[[], float] | None = None
    still: Callable[[], object] | None = None
    proved: bool = False
    _look_at: float = 0.0

    @property
    def left(self) -> float:
        """Seconds until then, never negative."""
        if self.longer and self.at <= time.monotonic():
            more = max(0.0, self.longer() - self.allowed)
            self.at, self.allowed, self.longer = self.at + more, self.allowed + more, None
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.left <= 0.0

    @property
    def turn(self) -> float:
        """Seconds to wait for something before `hopeless` is to be asked; 0 when the time is over."""
        if not self.still or self.proved:
            return self.left
        self._look_at = self._look_at or time.monotonic() + LOOK_EVERY_SECONDS
        return min(self.left, max(0.001, self._look_at - time.monotonic()))

    def hopeless(self, came: Callable[[], bool] | None = None) -> bool:
        """Whether it is of no use to wait on: the time is over, or it is proved that nothing comes any more.

        Look once more after this: what is waited for may have come just before. came: says whether it has, where
        that cannot be waited for by a call; a program that this itself makes run is not at rest.
        """
        if self.passed:
            return True
        began = time.monotonic()
        if not self.still or self.turn > 0.001:
            return False
        self.proved = self._rests(self.still, came)
        self._look_at = time.monotonic()
        self._look_at += max(LOOK_EVERY_SECONDS, (self._look_at - began) / LOOK_COST)
        if self.proved:
            self.at, self.longer = began, None
        return self.proved

    @staticmethod
    def _rests(still: Callable[[], object], came: Callable[[], bool] | None) -> bool:
        rest = still()
        if rest is None or came is None:
            return rest is not None
        return not came() and still() == rest


def until(condition: Callable[[], bool], over: Callable[[], bool]) -> bool:
    """Look at a condition again and again, more and more rarely, until it holds, or `over` does; whether it holds then."""
    pause = FIRST_PAUSE
    while not condition():
        if over():
            return condition()
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
    return True


def late(deadline: Deadline, by_time: str, by_proof: str) -> str:
    """What is said of a wait in vain: whether its time was over, or it was proved that nothing would come."""
    return by_proof if deadline.proved else by_time


class Pace:
    """The one factor by which everything time-bound is scaled.

    tested: gives the ids of the processes under test at the moment, descendants included; a `Scene` says which.
    """

    def __init__(self, measured: float = 1.0) -> None:
        self.measured = min(MOST, max(1.0, measured))
        self.tested: Callable[[], Iterable[int]] = tuple
        # What the programs under test are in, if it is proved that they rest; a `Scene` says that, too.
        self.still: Callable[[], object] = lambda: None
        # The highest load of others that was seen; the code that uses it resets it.
        self.heaviest = 1.0
        self._looks: deque[tuple[float, float]] = deque()  # when, the load that was seen
        self._fresh = FRESH_SECONDS  # for which the last of them counts alone

    def factor(self) -> float:
        """The larger of what was measured at the start and what the machine's load says now."""
        now = time.monotonic()
        if not self._looks or now - self._looks[-1][0] > self._fresh:
            while self._looks and now - self._looks[0][0] > RECENT_SECONDS:
                self._looks.popleft()
            self._looks.append((now, self._look()))
        load = statistics.median_low(seen for _when, seen in self._looks)
        return min(MOST, max(self.measured, load))

    def _look(self) -> float:
        """The load that others make at this moment: of three looks the middle one.

        What our own work takes longer because of the program under test is no load.
        """
        began = time.thread_time()
        tested = list(self.tested())
        looks = [(contention(), runnable_per_core(tested)) for _look in range(LOOKS)]
        self._note([running for _took, running in looks])
        own = own_per_core(tested) if max(looks)[0] > 1.5 else 1.0
        took = time.thread_time() - began
        self._fresh = min(MOST_FRESH_SECONDS, max(FRESH_SECONDS, took / LOOK_SHARE))
        return statistics.median(max(longer / own, running) for longer, running in looks)

    def _others(self) -> float:
        """The load that others make at this moment. How long our own work takes is not asked here: the
        program under test may have begun to spin."""
        tested = list(self.tested())
        looks = [runnable_per_core(tested) for _look in range(LOOKS)]
        self._note(looks)
        return min(MOST, statistics.median(looks))

    def _note(self, looks: Sequence[float]) -> None:
        self.heaviest = max(self.heaviest, statistics.median(looks))

    def overloaded(self) -> bool:
        """Whether others load the machine so much, now or since `heaviest` was set back, that no deadline says
        anything about the program under test."""
        self._others()
        return self.heaviest > OVERLOAD

    def deadline(self, seconds: float, weight: float = 1.0) -> Deadline:
        """A deadline in `seconds` of an idle machine; `weight` is for a slower tool (a sanitizer).

        What is bounded by seconds takes milliseconds where it goes well, so a long wait is not stretched as far
        as a short one: past LONG_SECONDS to MOST_LONG times its length at most.
        """
        wanted = seconds * weight

        def stretched(factor: float) -> float:
            return min(wanted * factor, max(LONG_SECONDS, wanted * MOST_LONG))

        allowed = stretched(self.factor())
        now = time.monotonic()
        return Deadline(now + allowed, allowed, lambda: stretched(self._others()), self.still)

    def eventually(
        self, condition: Callable[[], bool], seconds: float, weight: float = 1.0
    ) -> bool:
        """Wait for a condition; False if it does not hold by the deadline."""
        deadline = self.deadline(seconds, weight)
        return until(condition, lambda: deadline.passed)

    def took_longer(self, started: float, seconds: float) -> bool:
        """Whether more than `seconds`, scaled, have passed since `started` (monotonic)."""
        return time.monotonic() - started > seconds * self.factor()


class Overdue(Trouble):
    """A check took far longer than the sum of its deadlines."""


def watchdog(_signal: int, _frame: object) -> None:
    """SIGALRM's handler: a check that outlives its own deadlines is our bug, not a student's."""
    raise Overdue(_("a check took far longer than the sum of its deadlines"))
