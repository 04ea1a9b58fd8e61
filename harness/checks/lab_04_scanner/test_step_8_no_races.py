"""Lab 04, step 8: No races."""

from __future__ import annotations

from checks.lab_04_scanner.shared import HOST, SCANNER, found
from checks.lab_04_scanner.targets import targets_of
from labkit.scene import counting
from labkit.scene.checking import (
    UNDER_ASAN,
    UNDER_HELGRIND,
    UNDER_TSAN,
    Scene,
    Shim,
    hidden_state,
    hides_nothing,
    inspected,
    step,
)


@step(8, "hides-nothing")
def test_nothing_is_hidden(scene: Scene) -> None:
    """The code does nothing to hide from the tools that look for races."""
    hides_nothing(scene, SCANNER)


@step(8, "hidden-state")
def test_no_hidden_state_is_shared(scene: Scene) -> None:
    """No function of the C library that keeps a state of its own is called in several threads, unless under a lock."""
    hidden_state.must_be_free(scene.builder, SCANNER)


@step(8, "tools")
def test_tools_find_nothing(scene: Scene) -> None:
    """ThreadSanitizer, Helgrind and AddressSanitizer find nothing in a scan with many threads."""
    targets = targets_of(scene)
    first = targets.block(300)
    open_ = targets.open_at(range(first, first + 300, 11))
    targets.silence([first + 150, first + 151])
    for tool, shim in (
        (UNDER_TSAN, Shim()),
        (UNDER_TSAN, Shim(seed=scene.seed)),
        (UNDER_TSAN, Shim(seed=scene.seed + 1)),
        (UNDER_HELGRIND, Shim()),
        (UNDER_ASAN, Shim()),
    ):
        running = scene.start(
            SCANNER,
            "-t",
            "12",
            "-w",
            "300",
            "-p",
            f"{first}-{first + 299}",
            HOST,
            tool=tool,
            shim=shim,
            terminals="stderr",
        )
        with inspected(running):
            running.run_to_end(10.0)
        found(running, open_)


@step(8, "atomic-steps")
def test_no_update_is_lost(scene: Scene) -> None:
    """A counter that several threads change is changed in one atomic step, or under a lock."""
    if not counting.loads_and_stores(scene, SCANNER):
        return
    targets = targets_of(scene)
    first = targets.block(120)
    targets.open_at(range(first, first + 120, 3))
    targets.silence([first + 1, first + 2])
    ports = f"{first}-{first + 119}"
    words = ("-t", "12", "-w", "100", "-p", ports, HOST)
    running = scene.start(SCANNER, *words, tool=UNDER_TSAN, shim=counting.WATCHING)
    running.run_to_end(10.0)
    counting.none_is_lost(running)
