"""Lab 03, step 3: One after another."""

from __future__ import annotations

import time

from checks.lab_03_rockets.instants import at_its_best, steps_in_time, summary_is_true
from checks.lab_03_rockets.launches import LAUNCH, SEQUENTIAL, Launch, ends, launch
from labkit.scene.checking import Scene, Shim, _, expect, require, step


@step(3, "in-order", "summary", "plan-first")
def test_sequential(scene: Scene) -> None:
    """In mode sequential rockets fly in the order of the plan, and it takes the sum of their times."""
    at_its_best(lambda: sequential(scene, 6))
    at_its_best(lambda: sequential(scene, 1))


def sequential(scene: Scene, count: int) -> None:
    """A launch in mode sequential: its lines, its threads, its times."""
    flight = launch(scene, SEQUENTIAL, count, 40, scene.seed, Shim())
    ended = flight.running.run_to_end(flight.total + 3.0)
    took = time.monotonic() - flight.began
    if not ended.signal:
        in_the_order_of_the_plan(flight)
    ends(flight.running, 0.0)
    created = flight.running.stats().created
    # One that waits for signals, say, is no rocket's.
    require(
        created < max(2, count),
        _("threads started in mode sequential, for {n} rockets").format(n=count),
        expected=_("none that a rocket flies in"),
        got=created,
        cause="wrong-threads",
    )
    steps_in_time(flight)
    summary_is_true(flight.running, count, flight.total, took, flight.total)


def in_the_order_of_the_plan(flight: Launch) -> None:
    """All lines of the first rocket, then all of the second, and so on."""
    expected = [
        f"rocket {index}: {words}"
        for index, rocket in enumerate(flight.plan)
        for _instant, words in rocket.words()
    ]
    got = flight.running.stdout.lines()[len(flight.plan) :]
    missing = sum(LAUNCH in line for line in got) < len(flight.plan)
    cause = "lost-rocket" if missing else "wrong-order"
    expect("\n".join(expected), "\n".join(got), _("the lines, in the order of the plan"), cause)
