"""Lab 06, step 7: No races, no deadlocks."""

from __future__ import annotations

from collections.abc import Callable

from checks.lab_06_control_server import console as consoles
from checks.lab_06_control_server.console import Console
from checks.lab_06_control_server.shared import SERVER, crowd, drive, talk
from labkit.scene import counting, stopping
from labkit.scene.checking import (
    NATIVELY,
    UNDER_HELGRIND,
    UNDER_TSAN,
    Running,
    Scene,
    Shim,
    Tool,
    hidden_state,
    hides_nothing,
    inspected,
    seeded,
    step,
    takes_the_same_locks,
)


def watched(
    scene: Scene, tool: Tool, shim: Shim, size: int, way: Callable[[Console], None]
) -> Running:
    """Drive the server under a tool, stop it, and look at what the tool found. Returns the program."""
    console = consoles.start(scene, tool=tool, shim=shim)
    with inspected(console.program):
        drive(console, size)
        way(console)
    return console.program


def by_command(console: Console) -> None:
    """Stop it by `shutdown`."""
    console.shut_down(3.0)


def by_signal(console: Console) -> None:
    """Stop it by a signal, which a tool may keep back: what it hears is judged in step 2."""
    stopping.stop_under_tool(console.server)


@step(7, "hides-nothing")
def test_nothing_is_hidden(scene: Scene) -> None:
    """The code does nothing to hide from the tools that look for races."""
    hides_nothing(scene, SERVER)


@step(7, "hidden-state")
def test_no_hidden_state_is_shared(scene: Scene) -> None:
    """No function of the C library that keeps a state of its own is called in several threads, unless under a lock."""
    hidden_state.must_be_free(scene.builder, SERVER)


@step(7, "hides-nothing")
def test_same_locks_when_watched(scene: Scene) -> None:
    """Your program takes the same locks whether or not a tool watches it."""
    shims = seeded(scene.seed, 2)
    program = watched(scene, UNDER_TSAN, shims[0], 6, by_command)
    takes_the_same_locks(program, lambda n: watched(scene, NATIVELY, shims[n], 6, by_command))


@step(7, "tools")
def test_thread_sanitizer(scene: Scene) -> None:
    """ThreadSanitizer finds no data race, no lock taken in two orders and no thread left behind."""
    shims = (Shim(), *seeded(scene.seed, 2))
    for shim, way in zip(shims, (by_command, by_signal, by_command)):
        watched(scene, UNDER_TSAN, shim, 10, way)


@step(7, "tools")
def test_helgrind(scene: Scene) -> None:
    """Helgrind finds no misuse of a lock: none left locked, none unlocked twice, no order turned round."""
    watched(scene, UNDER_HELGRIND, Shim(), 6, by_command)


@step(7, "atomic-steps")
def test_no_update_is_lost(scene: Scene) -> None:
    """A counter that several threads change is changed in one atomic step, or under a lock."""
    if not counting.loads_and_stores(scene, SERVER):
        return
    console = consoles.start(scene, tool=UNDER_TSAN, shim=counting.WATCHING)
    for round_ in range(2):
        clients = crowd(console, 12, f"u{round_}-")
        talk(console, clients, round_)
        console.status()
        for client in clients:
            client.close()
    console.shut_down(3.0)
    counting.none_is_lost(console.program)
