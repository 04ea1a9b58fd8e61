"""Lab 05, step 9: No races, no deadlocks."""

from __future__ import annotations

from checks.lab_05_chat.shared import CLIENT, SERVER, watched
from labkit.scene.checking import (
    NATIVELY,
    UNDER_HELGRIND,
    UNDER_TSAN,
    Scene,
    Shim,
    hidden_state,
    hides_nothing,
    seeded,
    step,
    takes_the_same_locks,
)


@step(9, "hides-nothing")
def test_nothing_is_hidden(scene: Scene) -> None:
    """The code does nothing to hide from the tools that look for races."""
    hides_nothing(scene, SERVER)


@step(9, "hidden-state")
def test_no_hidden_state_is_shared(scene: Scene) -> None:
    """No function of the C library that keeps a state of its own is called in several threads, unless under a lock."""
    for program in (SERVER, CLIENT):
        hidden_state.must_be_free(scene.builder, program)


@step(9, "hides-nothing")
def test_same_locks_when_watched(scene: Scene) -> None:
    """Your program takes the same locks whether or not a tool watches it."""
    shims = seeded(scene.seed, 2)
    program = watched(scene, UNDER_TSAN, shims[0], 6)
    takes_the_same_locks(program, lambda n: watched(scene, NATIVELY, shims[n], 6))


@step(9, "tools")
def test_thread_sanitizer(scene: Scene) -> None:
    """ThreadSanitizer finds no data race, no lock taken in two orders and no thread left behind."""
    for shim in (Shim(), *seeded(scene.seed, 2)):
        watched(scene, UNDER_TSAN, shim, 10)


@step(9, "tools")
def test_helgrind(scene: Scene) -> None:
    """Helgrind finds no misuse of a lock: none left locked, none unlocked twice, no order turned round."""
    watched(scene, UNDER_HELGRIND, Shim(), 6)
