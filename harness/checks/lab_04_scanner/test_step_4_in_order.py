"""Lab 04, step 4: In order."""

from __future__ import annotations

from checks.lab_04_scanner.shared import found, scan, silent
from checks.lab_04_scanner.targets import targets_of
from labkit.scene.checking import Scene, Shim, _, expect, require, seeded, step


@step(4, "in-order")
def test_order_with_perturbed_schedules(scene: Scene) -> None:
    """Open ports are printed in ascending order and completely, in whatever order threads finish."""
    targets = targets_of(scene)
    first = targets.block(200)
    open_ = targets.open_at(range(first, first + 200, 3))
    for seed in range(scene.seed, scene.seed + 3):
        running = scan(
            scene, "-t", "20", "-p", f"{first}-{first + 199}", shim=Shim(seed=seed, percent=50)
        )
        found(running, open_, (len(open_), 200 - len(open_), 0))


@step(4, "in-range")
def test_no_port_beyond_the_range(scene: Scene) -> None:
    """However many threads come for the last ports at the same time, none outside the range is tried."""
    targets = targets_of(scene)
    first = targets.block(60) + 10
    last = first + 39
    around = [*range(first - 10, first), *range(last + 1, last + 11)]
    targets.open_at(around)
    slow = [Shim(seed=one.seed, percent=100, max_us=3000) for one in seeded(scene.seed, 4)]
    for shim in (Shim(), *slow):
        running = scan(scene, "-t", "40", "-p", f"{first}-{last}", shim=shim)
        if scene.network().own:
            tried = [port for port, count in targets.accept_all().items() if count]
            expect([], sorted(tried), _("ports outside the range that were tried"), "beyond-range")
        found(running, [], (0, 40, 0))


@step(4, "streams")
def test_streams(scene: Scene) -> None:
    """A port is printed as soon as all lower ones are known, and not before."""
    targets = targets_of(scene)
    first = targets.block(10)
    low, silent, high = first + 1, first + 5, first + 8
    targets.open_at([low, high])
    targets.silence([silent])
    words = ("-t", "30", "-w", "1500", "-p", f"{first}-{first + 9}")  # more threads than ports
    running = scan(scene, *words)
    found(running, [low, high], (2, 7, 1))
    lines = running.stdout.timed_lines()
    apart = lines[1][0] - lines[0][0]
    require(
        apart > 0.7,
        _(
            "the port below a silent one must be printed before the time-out, the one above after it"
        ),
        expected=_("about 1.5 s between the two lines"),
        got=_("{s:.2f} s").format(s=apart),
        cause="does-not-stream",
    )
