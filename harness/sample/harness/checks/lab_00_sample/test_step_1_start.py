"""Lab 00, step 1: Start."""

from __future__ import annotations

from labkit.scene.checking import Scene, _, expect, step

RUNNERS = 30


@step(1, "each-runs")
def test_each_runner_runs(scene: Scene) -> None:
    """Every runner says that it has the baton, once."""
    program = scene.start("sample", "-n", str(RUNNERS))
    ended = program.run_to_end(5.0)
    said = [line for line in program.stdout.lines() if line.startswith("runner ")]
    wanted = [f"runner {number}" for number in range(1, RUNNERS + 1)]
    expect(sorted(wanted), sorted(said), _("the lines of the runners"), "runner-lost")
    expect(0, ended.status, _("the exit status"), "wrong-exit-status")
