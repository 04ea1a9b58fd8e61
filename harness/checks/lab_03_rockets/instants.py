"""Lab 03's instants: when lines came, and when they should have come by the plan."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from checks.lab_03_rockets.launches import LAUNCH, Launch, Rocket, Said, alone
from labkit.build import build
from labkit.ground.faults import Trouble
from labkit.ground.words import _
from labkit.scene.checking import Fault, Running, expect, require

SUMMARY = re.compile(
    r"^launched (\d+) rockets in (\d+\.\d+) s, one after another: (\d+\.\d+) s$",
    re.MULTILINE,
)
LATE_SECONDS = 0.1  # later than this is more than what a busy machine does
TIRED_SECONDS = 0.05  # this late for a program that does nothing but keep its moments: nothing can be judged by moments
UNTIMELY = ("wrong-timing", "sleeps-add-up", "one-after-another")


def at_its_best(attempt: Callable[[], None]) -> None:
    """A busy machine disturbs some launches, not each of them; a bug in the program shows in all.

    Trouble where the machine is so busy that nobody could keep a plan: then it is not the program's fault.
    """
    for _again in range(2):
        try:
            return attempt()
        except Fault as fault:
            if fault.cause not in UNTIMELY:
                raise
    try:
        return attempt()
    except Fault as fault:
        late = min(_machine_late(), _machine_late()) if fault.cause in UNTIMELY else 0.0
        if late <= TIRED_SECONDS:
            raise
        words = _("the machine is too busy to judge times: what is due comes {s:.3f} s late")
        raise Trouble(words.format(s=late)) from None


def _machine_late(threads: int = 1000, tick_ms: int = 100) -> float:
    """How late lines of so many threads come here now, in seconds; nineteen of twenty are not later.

    What is slow may be the machine that wakes them, or this process that reads what they write: as for a program
    under test. Trouble where so many threads cannot be had.
    """
    late: list[float] = []
    rest = b""
    command = [str(build.wakeups()), str(threads), str(tick_ms)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as probe:
        assert probe.stdout
        while data := os.read(probe.stdout.fileno(), 1 << 16):
            now = time.monotonic()
            *lines, rest = (rest + data).split(b"\n")
            late += [now - int(line) / 1e9 for line in lines]
    if not late:
        raise Trouble(_("no more threads can be started here"))
    return sorted(late)[len(late) * 19 // 20]


@dataclass(frozen=True)
class Late:
    """How late a line was, in seconds. due: seconds from the launch to its instant by the plan."""

    seconds: float
    due: float
    rocket: int


def lateness(flight: Launch, rockets: Sequence[Said]) -> tuple[float, list[Late]]:
    """The moment of the common launch, and how late each line was.

    The launch is not seen from outside; the line that came earliest against the plan tells it.
    """
    due = [
        (at, instant * flight.tick, index)
        for index, (rocket, said) in enumerate(zip(flight.plan, rockets))
        for (instant, _words), (at, _said) in zip(rocket.words(), said)
    ]
    launched = min(at - instant for at, instant, _index in due)
    return launched, [Late(at - instant - launched, instant, i) for at, instant, i in due]


def nobody_early(flight: Launch, rockets: Sequence[Said]) -> None:
    """No line may come before its instant, counted from the program's start: that is no busy machine's doing."""
    for index, (rocket, said) in enumerate(zip(flight.plan, rockets)):
        for (instant, words), (at, _said) in zip(rocket.words(), said):
            not_before(
                instant * flight.tick,
                at - flight.began,
                _("the time from the start to `{words}` of rocket {i}").format(
                    words=words, i=index
                ),
            )


def landed_early(plan: Sequence[Rocket], began: float, tick: float, lines: Said) -> None:
    """By no moment may more rockets have been launched than their plan allows, whichever they are."""
    due = sorted(rocket.length * tick for rocket in plan)
    landed = [at - began for at, line in lines if line == LAUNCH]
    for number, (least, took) in enumerate(zip(due, landed), 1):
        what = _("the time from the start to the launch of {n} rockets").format(n=number)
        not_before(least, took, what)


def not_before(least: float, took: float, what: str) -> None:
    """What is timed from the program's start on cannot be too short by chance."""
    require(
        took >= least - 0.005,
        what,
        expected=_("at least {s:.3f} s").format(s=least),
        got=_("{s:.3f} s").format(s=took),
        cause="too-early",
    )


def in_time(flight: Launch, rockets: Sequence[Said]) -> None:
    """Nineteen lines of twenty must be at their instants: those that one hiccup holds up are fewer."""
    nobody_early(flight, rockets)
    late = sorted(lateness(flight, rockets)[1], key=lambda one: one.seconds)
    typical = late[len(late) * 19 // 20]
    allowed = min(0.3, 0.05 * flight.running.scene.pace.factor())
    require(
        typical.seconds <= allowed,
        _("rocket {i}, and not it alone, is {s:.3f} s late").format(
            i=typical.rocket, s=typical.seconds
        ),
        expected=_("every line at its instant by the plan, counted from the common launch"),
        got=_("{s:.3f} s late").format(s=typical.seconds),
        cause="one-after-another" if alone(flight) else "sleeps-add-up",
    )


def summary_is_true(running: Running, count: int, least: float, most: float, total: float) -> None:
    """The summary must have this count, a time between `least` and `most`, and this sum over the plan."""
    match = SUMMARY.search(running.stderr.text())
    require(
        match,
        _("the summary is not on stderr"),
        expected="launched COUNT rockets in S s, one after another: T s",
        got=running.stderr.text() or _("nothing"),
        cause="false-summary",
    )
    assert match
    said, took, sum_of_all = int(match[1]), float(match[2]), float(match[3])
    expect(count, said, _("the count in the summary"), "false-summary")
    # Times may have one decimal, and each rocket's be rounded to a millisecond before they are added.
    for what, low, high, seconds in (
        (_("the time in the summary"), least - 0.06, most + 0.06, took),
        (_("the sum in the summary"), total * 0.999 - 0.06, total * 1.001 + 0.06, sum_of_all),
    ):
        require(
            low <= seconds <= high,
            what,
            expected=_("from {a:.3f} s to {b:.3f} s").format(a=max(0.0, low), b=high),
            got=_("{s:.3f} s").format(s=seconds),
            cause="false-summary",
        )


def no_later(allowed: float, took: float, what: str) -> None:
    """A number of seconds must not be above what is allowed."""
    require(
        took <= allowed,
        what,
        expected=_("at most {s:.3f} s").format(s=allowed),
        got=_("{s:.3f} s").format(s=took),
        cause="wrong-timing",
    )


def no_earlier(least: float, took: float, what: str) -> None:
    """A number of seconds must not be below what the plan asks for."""
    require(
        took >= least - 0.005,
        what,
        expected=_("at least {s:.3f} s").format(s=least),
        got=_("{s:.3f} s").format(s=took),
        cause="wrong-timing",
    )


def steps_in_time(flight: Launch) -> None:
    """From line to line it must be a tick or a delay: all in all no less, and mostly no more."""
    *_plan, (planned, _last) = flight.running.stdout.timed_lines()[: len(flight.plan)]
    lines = flight.running.stdout.timed_lines()[len(flight.plan) :]
    due, passed = [], 0.0
    for rocket in flight.plan:
        due += [passed + instant * flight.tick for instant, _words in rocket.words()]
        passed += rocket.length * flight.tick
    slack = 0.01 * flight.running.scene.pace.factor()
    for instant, (at, line) in zip(due, lines):
        what = _("the time from the plan to `{line}`").format(line=line)
        no_earlier(instant - slack, at - planned, what)
    steps = [
        (at - before) - (instant - earlier)
        for (earlier, instant), ((before, _old), (at, _new)) in zip(pairwise(due), pairwise(lines))
    ]
    launches = [lost for lost, (_at, line) in zip(steps, lines) if LAUNCH in line]
    for what, losses in (
        (_("what is lost from one line to the next"), steps),
        (_("what is lost from a launch to the next rocket"), launches),
    ):
        if losses:
            no_later(min(flight.tick / 2, slack), statistics.median(losses), what)


def mostly_in_time(
    why: str, late: Sequence[Late], since: float, rockets: set[int], share: float
) -> None:
    """Of these rockets, no more than a share may be late with all lines that were due since then."""
    best: dict[int, float] = {}
    for one in late:
        if one.due >= since and one.rocket in rockets:
            best[one.rocket] = min(one.seconds, best.get(one.rocket, one.seconds))
    behind = {index: seconds for index, seconds in best.items() if seconds > LATE_SECONDS}
    if len(behind) <= share * len(best) or len(best) < 20:
        return
    index = max(behind, key=lambda i: behind[i])
    raise Fault(
        _("the program was stopped for a moment, and {n} of {all} rockets stay late: {why}").format(
            n=len(behind), all=len(best), why=why
        ),
        expected=_("every line at its instant by the plan, counted from the common launch"),
        got=_("rocket {i}: {s:.3f} s late").format(i=index, s=behind[index]),
        cause="sleeps-add-up",
    )
