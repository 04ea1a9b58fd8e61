"""Lab 03, step 8: No races."""

from __future__ import annotations

from checks.lab_03_rockets.launches import OBJECTS, ROCKETS, THREADS, options
from checks.lab_03_rockets.shared import watched
from labkit.scene import counting
from labkit.scene.checking import (
    UNDER_HELGRIND,
    UNDER_TSAN,
    Scene,
    Shim,
    hidden_state,
    hides_nothing,
    step,
)


@step(8, "hides-nothing")
def test_nothing_is_hidden(scene: Scene) -> None:
    """The code does nothing to hide from the tools that look for races."""
    hides_nothing(scene, ROCKETS)


@step(8, "hidden-state")
def test_no_hidden_state_is_shared(scene: Scene) -> None:
    """No function of the C library that keeps a state of its own is called in several threads, unless under a lock."""
    hidden_state.must_be_free(scene.builder, ROCKETS)


@step(8, "tools")
def test_no_races_for_threadsanitizer(scene: Scene) -> None:
    """ThreadSanitizer finds nothing in a launch of 200, in mode threads and in mode objects."""
    watched(scene, UNDER_TSAN, Shim(seed=scene.seed), (THREADS, 200), (OBJECTS, 200))


@step(8, "tools")
def test_no_races_for_helgrind(scene: Scene) -> None:
    """Helgrind finds nothing in a launch of 200, in mode threads and in mode objects."""
    watched(scene, UNDER_HELGRIND, Shim(), (THREADS, 200), (OBJECTS, 200))


@step(8, "atomic-steps")
def test_no_update_is_lost(scene: Scene) -> None:
    """A counter that several threads change is changed in one atomic step, or under a lock."""
    if not counting.loads_and_stores(scene, ROCKETS):
        return
    for mode in (THREADS, OBJECTS):
        words = options(mode, 100, 5, scene.seed)
        running = scene.start(ROCKETS, *words, tool=UNDER_TSAN, shim=counting.WATCHING)
        running.run_to_end(10.0)
        counting.none_is_lost(running)
