"""Lab 02, step 7: No races."""

from __future__ import annotations

import signal
from dataclasses import replace

from checks.lab_02_threaded_echo.shared import MIB, SERVER, talk, token
from labkit.scene import counting, departed, stopping
from labkit.scene.checking import (
    NATIVELY,
    UNDER_HELGRIND,
    UNDER_TSAN,
    Running,
    Scene,
    Server,
    Shim,
    Tool,
    hidden_state,
    hides_nothing,
    inspected,
    judge,
    seeded,
    step,
    takes_the_same_locks,
)


def drive(server: Server, size: int) -> None:
    """Steps 1 to 6, smaller: silent clients, bursts, resets, half closes, broken pipes, one that never reads."""
    silent = server.connect("silent client")
    silent.send(b"half a li")
    silent.expect(b"half a li")
    for round_ in range(2):
        clients = server.crowd(size)
        for _again in range(2):
            judge(talk(server, clients, seconds=4.0), cause="lost-client")
        for index, client in enumerate(clients):
            if index % 3 == 0:
                client.reset()
            elif index % 3 == 1:
                client.finish_sending()
                client.expect_end()
                client.close()
            else:
                client.close()
    departed.leave_unread(server, 3)
    hog = server.connect("hog")
    hog.push(token(0, MIB // 2))
    staying = server.crowd(5)
    judge(talk(server, staying), cause="lost-client")
    leaving = server.crowd(5)
    for client in leaving:
        client.close()


def watched(
    scene: Scene, tool: Tool, shim: Shim, size: int, number: signal.Signals = signal.SIGTERM
) -> Running:
    """Drive the server under a tool, stop it, and look at what the tool found. Returns the program."""
    shim = replace(shim, short=departed.SHORT)
    server = scene.server(SERVER, "-v", tool=tool, shim=shim, network="narrow")
    with inspected(server.program):
        drive(server, size)
        stopping.stop_under_tool(server, number)
    return server.program


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
    program = watched(scene, UNDER_TSAN, shims[0], 10)
    takes_the_same_locks(program, lambda n: watched(scene, NATIVELY, shims[n], 10))


@step(7, "tools")
def test_thread_sanitizer(scene: Scene) -> None:
    """ThreadSanitizer finds no data race, no lock taken in two orders and no thread left behind."""
    one, two = seeded(scene.seed, 2)
    for shim, number in (Shim(), signal.SIGINT), (one, signal.SIGTERM), (two, signal.SIGINT):
        watched(scene, UNDER_TSAN, shim, 20, number)


@step(7, "tools")
def test_helgrind(scene: Scene) -> None:
    """Helgrind finds no misuse of a lock: none left locked, none unlocked twice, no order turned round."""
    watched(scene, UNDER_HELGRIND, Shim(), 10)


@step(7, "atomic-steps")
def test_no_update_is_lost(scene: Scene) -> None:
    """A counter that several threads change is changed in one atomic step, or under a lock."""
    if not counting.loads_and_stores(scene, SERVER):
        return
    server = scene.server(SERVER, "-v", tool=UNDER_TSAN, shim=counting.WATCHING)
    for _round in range(2):
        clients = server.crowd(30)
        talk(server, clients)
        for client in clients:
            client.close()
        server.program.eventually(lambda: server.program.threads() <= 3, 3.0)
    counting.none_is_lost(server.program)
