"""Lab 03, step 1: One rocket."""

from __future__ import annotations

import time
from itertools import pairwise

from checks.lab_03_rockets.instants import (
    at_its_best,
    no_earlier,
    no_later,
    not_before,
    summary_is_true,
)
from checks.lab_03_rockets.launches import MODES, ROCKETS, Rocket, Said, ends, plan_of
from labkit.scene import starting, usage
from labkit.scene.checking import Fault, Scene, _, expect, require, step


@step(1, "no-warning")
def test_compiles_without_a_warning(scene: Scene) -> None:
    """The program compiles without a warning, with gcc and with clang."""
    starting.compiles_cleanly(scene, ROCKETS)


@step(1, "countdown", "at-once", "summary")
def test_one_rocket_counts_down(scene: Scene) -> None:
    """One rocket waits its delay, counts down a tick for each number, and is launched."""
    # One seed in four will do: 100 that do not are no chance.
    for seed in range(scene.seed, scene.seed + 100):
        (rocket,) = plan_of(scene, 1, seed)
        if rocket.countdown >= 2 and 1 <= rocket.delay < 3:
            break
    else:
        raise Fault(_("of 100 seeds, none gives a countdown of 2 or more"), cause="wrong-plan")
    at_its_best(lambda: one_rocket(scene, rocket, seed))


def one_rocket(scene: Scene, rocket: Rocket, seed: int) -> None:
    """Launch a rocket whose plan is known."""
    tick = 0.15
    began = time.monotonic()
    running = scene.start(ROCKETS, "-n", "1", "-s", str(seed), "-t", "150")
    ends(running, rocket.length * tick + 3.0)
    took = time.monotonic() - began
    lines, expected = running.stdout.timed_lines(), rocket.words()
    expect(
        "\n".join(words for _instant, words in expected),
        "\n".join(line for _at, line in lines),
        _("what a rocket with countdown {n} prints").format(n=rocket.countdown),
        "wrong-countdown",
    )
    for (instant, words), (at, _line) in zip(expected, lines):
        not_before(
            instant * tick,
            at - began,
            _("the time from the start to `{words}`").format(words=words),
        )
    _each_line_at_once(lines, took)
    allowed = tick + min(0.06, 0.04 * scene.pace.factor())
    for (before, _before), (at, words) in pairwise(lines):
        what = _("the time from one line to `{words}`").format(words=words)
        no_later(allowed, at - before, what)
        no_earlier(2 * tick - allowed, at - before, what)
    summary_is_true(running, 1, rocket.length * tick, took, rocket.length * tick)
    after = began + took - lines[-1][0]
    no_later(min(0.1, 0.05 * scene.pace.factor()), after, _("the time from the launch to the end"))


def _each_line_at_once(lines: Said, took: float) -> None:
    """Lines that all come in one piece, after some seconds, were kept in a buffer."""
    require(
        took < 0.2 or len({at for at, _line in lines}) > 1,
        _("the lines come all at once, at the end"),
        expected=_("each line as soon as it is printed, into a pipe too"),
        cause="not-flushed",
    )


@step(1, "no-rocket", "summary")
def test_no_rocket(scene: Scene) -> None:
    """No rocket at all is no error: nothing is printed but the summary."""
    began = time.monotonic()
    for running in [scene.start(ROCKETS, "-n", "0", "-m", mode) for mode in MODES]:
        ends(running, 3.0)
        expect("", running.stdout.text(), _("what is printed for -n 0"), "wrong-countdown")
        summary_is_true(running, 0, 0.0, time.monotonic() - began, 0.0)


@step(1, "arguments", "usage")
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    numbers = [[option, text] for option in ("-n", "-s", "-t") for text in ("", "80x")]
    ranges = [["-n", "-1"], ["-t", "-1"], ["-t", "0"]]  # how much more it takes is its own affair
    others = [["-m", "rocket"], ["-m", ""], ["-n", "1", "surplus"], ["-Z"], ["-n"]]
    usage.refuses(scene, ROCKETS, numbers + ranges + others)
    usage.shows_usage(scene, ROCKETS, "-n")
