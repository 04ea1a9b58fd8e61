"""Lab 00, step 2: In order."""

from __future__ import annotations

from labkit.scene.checking import UNDER_TSAN, Scene, Shim, _, expect, inspected, step

RUNNERS = 30


@step(2, "in-order")
def test_they_run_in_order(scene: Scene) -> None:
    """The runners have the baton in the order of their numbers, however late their threads begin."""
    late = Shim(seed=scene.seed, percent=100, max_us=20_000)
    program = scene.start("sample", "-n", str(RUNNERS), shim=late)
    program.run_to_end(10.0)
    wanted = [f"runner {number}" for number in range(1, RUNNERS + 1)]
    expect([*wanted, "finished"], program.stdout.lines(), _("the lines, in order"), "wrong-order")


@step(2, "no-races")
def test_no_races(scene: Scene) -> None:
    """ThreadSanitizer finds no data race."""
    program = scene.start("sample", "-n", "8", tool=UNDER_TSAN)
    with inspected(program):
        program.run_to_end(10.0)
