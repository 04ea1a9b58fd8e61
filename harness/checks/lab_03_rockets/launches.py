"""Lab 03's launches: a plan, the program that flies it, and what each rocket must say."""

from __future__ import annotations

import errno
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from labkit.ground import proc
from labkit.ground.pace import Deadline
from labkit.ground.words import _
from labkit.scene import starting
from labkit.scene.checking import Ended, Fault, Running, Scene, Shim, Silent, expect, require

ROCKETS = "rockets"
MODES = ("sequential", "threads", "objects")
SEQUENTIAL, THREADS, OBJECTS = MODES
PLAN_LINE = re.compile(r"rocket (\d+): delay (\d\.\d{3}) countdown ([0-4])")
FLIGHT_LINE = re.compile(r"rocket (\d+): (\d+\.\.\.|Rocket launched!)")
NAMELESS_LINE = re.compile(r"\d+\.\.\.|Rocket launched!")  # without -v
LAUNCH = "Rocket launched!"

Said = list[tuple[float, str]]  # one rocket's lines, each with the moment at which it was read


@dataclass(frozen=True)
class Rocket:
    """What the plan says of one rocket: ticks to wait, and where its countdown begins."""

    delay: float
    countdown: int

    @property
    def length(self) -> float:
        """From the common launch to `Rocket launched!`, in ticks."""
        return self.delay + self.countdown

    def words(self) -> list[tuple[float, str]]:
        """Its lines, each with its instant in ticks after the common launch."""
        counted = [
            (self.delay + self.countdown - n, f"{n}...") for n in range(self.countdown, 0, -1)
        ]
        return [*counted, (self.length, LAUNCH)]


@dataclass(frozen=True)
class Launch:
    """A launch that was started: its program, its plan, the seconds of a tick, and since when it runs."""

    running: Running
    plan: list[Rocket]
    tick: float
    began: float

    @property
    def longest(self) -> float:
        """The seconds that the longest rocket takes."""
        return max(rocket.length for rocket in self.plan) * self.tick

    @property
    def total(self) -> float:
        """The seconds that all rockets take one after another."""
        return sum(rocket.length for rocket in self.plan) * self.tick


def launch(
    scene: Scene, mode: str, count: int, tick_ms: int, seed: int, shim: Shim | None = None
) -> Launch:
    """Start a launch with -v, and read its plan."""
    began = time.monotonic()
    running = scene.start(ROCKETS, *options(mode, count, tick_ms, seed), "-v", shim=shim)
    return Launch(running, plan_in(running, count), tick_ms / 1000, began)


def options(mode: str, count: int, tick_ms: int, seed: int) -> list[str]:
    """The command line of a launch."""
    return ["-n", str(count), "-m", mode, "-t", str(tick_ms), "-s", str(seed)]


def plan_in(running: Running, count: int) -> list[Rocket]:
    """The plan that -v prints first; Fault if it is not `count` good lines."""
    running.eventually(lambda: running.stdout.data.count(b"\n") >= count, 2.0 + count / 20_000)
    running.ended()  # if it has, all that it said has been read now
    lines = running.stdout.lines()[:count]
    found = [PLAN_LINE.fullmatch(line) for line in lines]
    for index, match in enumerate(found):
        require(
            match and int(match[1]) == index and float(match[2]) < 5,
            _("with -v the plan comes first, a line for each rocket, in order"),
            expected=f"rocket {index}: delay D.DDD countdown C",
            got=lines[index],
            cause="wrong-plan",
        )
    require(
        len(found) == count,
        _("with -v the plan comes first, a line for each rocket"),
        expected=_("lines for rockets 0 to {n}").format(n=count - 1),
        got="\n".join(lines[-3:]) or _("nothing"),
        cause="not-flushed" if not lines and _speaks_unbuffered(running) else "wrong-plan",
    )
    return [Rocket(float(m[2]), int(m[3])) for m in found if m]


def _speaks_unbuffered(running: Running) -> bool:
    """Whether a program that says nothing does say something where stdio does not keep it back."""
    again = running.scene.start(ROCKETS, *running.shown[1:], env=starting.UNBUFFERED)
    spoke = again.stdout.wait_until(lambda data: b"\n" in data, again.deadline(1.0))
    again.close_now()
    return running.running and spoke


def plan_of(scene: Scene, count: int, seed: int, mode: str = SEQUENTIAL) -> list[Rocket]:
    """The plan alone: a launch so slow that only its plan is seen, and then ended."""
    slow = launch(scene, mode, count, 60_000, seed)
    slow.running.close_now()
    return slow.plan


def ends(
    running: Running,
    seconds: float,
    status: int = 0,
    unless: str = "",
    deadline: Deadline | None = None,
) -> None:
    """It must end within `seconds`, with this status. unless: the cause where it ends with another one.

    deadline: one that was made before the start.
    """
    ended = running.run_to_end(seconds, deadline)
    if ended.signal == "SIGKILL":
        # Not by us, or killed_for would say so: by the kernel, for want of memory, or by somebody else.
        raise OSError(
            errno.ESRCH, _("{program} was killed from outside").format(program=running.name)
        )
    require(
        not ended.signal,
        _("a signal ended the program"),
        expected=str(Ended(status, None)),
        got=str(ended),
        cause="crash",
    )
    expect(
        str(Ended(status, None)),
        str(ended),
        _("how the program ended"),
        unless or "wrong-exit-status",
    )


def lands(flight: Launch) -> float:
    """Wait for the end of a launch in a threaded mode; returns how many seconds it took from its start."""
    try:
        ends(flight.running, flight.longest + 3.0)
    except Silent as silent:
        lines_of(flight, so_far=True)
        if alone(flight):
            silent.cause = "one-after-another"
        raise
    return time.monotonic() - flight.began


def alone(flight: Launch) -> bool:
    """Whether no rocket said anything between two lines of another one, though there are many."""
    lines = flight.running.stdout.lines()[len(flight.plan) :]
    changes = sum(a.split()[1] != b.split()[1] for a, b in pairwise(lines))
    return len(flight.plan) > 1 and changes < len(flight.plan)


def awake(running: Running) -> int:
    """How many of its threads run, or wait for a processor, at this moment."""
    return proc.runnable(running.pid)


@contextmanager
def judging(running: Running) -> Iterator[None]:
    """A fault that is raised inside is about this one of several programs."""
    try:
        yield
    except Fault as fault:
        fault.about = fault.about or running
        raise


@contextmanager
def silence_means(cause: str) -> Iterator[None]:
    """A program that does not end inside has this cause."""
    try:
        yield
    except Silent as silent:
        silent.cause = cause
        raise


# -- what the lines say -----------------------------------------------------------------------------


def flown(running: Running, plan: Sequence[Rocket]) -> list[Said]:
    """For each rocket its lines, in the order they came; Fault on any other line."""
    rockets: list[Said] = [[] for _rocket in plan]
    for at, line in running.stdout.timed_lines()[len(plan) :]:
        match = FLIGHT_LINE.fullmatch(line)
        require(
            match,
            _("a line is not whole"),
            expected=_("`rocket I: N...` or `rocket I: Rocket launched!`"),
            got=line,
            cause="torn-line",
        )
        assert match
        require(
            int(match[1]) < len(plan),
            _("a rocket speaks that is not in the plan"),
            expected=_("rockets 0 to {n}").format(n=len(plan) - 1),
            got=line,
            cause="shared-argument",
        )
        rockets[int(match[1])].append((at, match[2]))
    return rockets


def lines_of(flight: Launch, so_far: bool = False) -> list[Said]:
    """Each rocket's lines: it must have said its own countdown, in order, and that it was launched, once.

    so_far: the launch goes on, more lines may come.
    """
    rockets = flown(flight.running, flight.plan)
    for index, (rocket, said) in enumerate(zip(flight.plan, rockets)):
        expected = [words for _instant, words in rocket.words()]
        got = [words for _at, words in said]
        if got != (expected[: len(got)] if so_far else expected):
            raise Fault(
                _("rocket {i} does not do what its plan says").format(i=index),
                expected="\n".join(expected),
                got="\n".join(got) or _("nothing"),
                cause=_why_wrong(rockets, got),
            )
    return rockets


def _why_wrong(rockets: Sequence[Said], got: Sequence[str]) -> str:
    """Rockets that never fly beside others that fly twice: threads that were given the same argument."""
    if any([words for _at, words in said].count(LAUNCH) > 1 for said in rockets):
        return "shared-argument"
    return "lost-rocket" if LAUNCH not in got else "wrong-countdown"


def nameless_lines(running: Running) -> list[str]:
    """The lines of a launch without -v, which do not say whose they are; Fault on any other line."""
    lines = running.stdout.lines()
    for line in lines:
        require(
            NAMELESS_LINE.fullmatch(line),
            _("a line is not whole"),
            expected=_("`N...` or `Rocket launched!`"),
            got=line,
            cause="torn-line",
        )
    return lines


def nameless_lines_of(running: Running, plan: Sequence[Rocket]) -> None:
    """Without -v there must be as many lines of each kind as the plan says."""
    said = Counter(nameless_lines(running))
    expect(len(plan), said[LAUNCH], _("rockets launched"), "lost-rocket")
    expected = Counter(words for rocket in plan for _instant, words in rocket.words())
    expect(
        _how_many(expected),
        _how_many(said),
        _("how many lines there are of each"),
        "wrong-countdown",
    )


def _how_many(lines: Counter[str]) -> str:
    return "\n".join(f"{count:6} {line}" for line, count in sorted(lines.items()))
