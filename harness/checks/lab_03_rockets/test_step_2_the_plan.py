"""Lab 03, step 2: The plan."""

from __future__ import annotations

from collections.abc import Sequence

from checks.lab_03_rockets.launches import MODES, ROCKETS, SEQUENTIAL, Rocket, plan_in, plan_of
from labkit.scene.checking import Scene, _, require, step


def spread_evenly(what: str, counts: Sequence[int]) -> None:
    """Counts of values that are equally likely must be about the same."""
    fair = sum(counts) / len(counts)
    # Six standard deviations: chance alone does that once in 500 million.
    allowed = 6 * (fair * (1 - 1 / len(counts))) ** 0.5
    require(
        all(abs(n - fair) <= allowed for n in counts),
        _("{what} are not spread evenly").format(what=what),
        expected=_("about {n:.0f} each").format(n=fair),
        got=" ".join(map(str, counts)),
        cause="wrong-plan",
    )


@step(2, "plan", "plan-first")
def test_plan_is_in_its_ranges(scene: Scene) -> None:
    """However large COUNT is, delays are spread evenly over 0 to 4.999 ticks, and countdowns over 0 to 4."""
    plan = plan_of(scene, 100_000, scene.seed)
    halves, countdowns, digits = [0] * 10, [0] * 5, [0] * 10
    for rocket in plan:
        halves[int(rocket.delay * 2)] += 1
        countdowns[rocket.countdown] += 1
        digits[round(rocket.delay * 1000) % 10] += 1
    spread_evenly(_("delays by halves of a tick"), halves)
    spread_evenly(_("countdowns"), countdowns)
    spread_evenly(_("delays by their last digits"), digits)


@step(2, "seed", "plan-first")
def test_same_seed_same_plan(scene: Scene) -> None:
    """The same seed gives the same plan in every mode, another seed another one; 0 is a seed as well."""
    first = plan_of(scene, 300, scene.seed)
    for seed in (0, 2_147_483_647):
        plan_of(scene, 10, seed)
    for mode in MODES:
        require(
            plan_of(scene, 300, scene.seed, mode) == first,
            _("with the same seed, mode {mode} has another plan").format(mode=mode),
            cause="wrong-plan",
        )
    for mode, more in zip(MODES, (1, 1 << 8, 1 << 16)):
        require(
            plan_of(scene, 300, scene.seed + more, mode) != first,
            _("another seed gives the same plan in mode {mode}").format(mode=mode),
            expected=_("seeds {a} and {b} give different plans").format(
                a=scene.seed, b=scene.seed + more
            ),
            cause="wrong-plan",
        )


@step(2, "seed")
def test_random_seed(scene: Scene) -> None:
    """Without -s each launch has a plan of its own, at the latest a second later."""
    plans: list[list[Rocket]] = []

    def another() -> bool:
        running = scene.start(ROCKETS, "-n", "50", "-m", SEQUENTIAL, "-t", "60000", "-v")
        plans.append(plan_in(running, 50))
        running.close_now()
        if plans[-1] == plans[0] and len(plans) > 1:
            scene.pause(0.3)
        return plans[-1] != plans[0]

    require(
        scene.pace.eventually(another, 2.5),
        _("without -s the plan is always the same"),
        cause="wrong-plan",
    )
