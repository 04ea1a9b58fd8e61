"""Lab 06, step 5: Clear the logs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from checks.lab_06_control_server import console as consoles
from checks.lab_06_control_server.chorus import Chorus
from checks.lab_06_control_server.console import Console, enter
from checks.lab_06_control_server.shared import STRANGER, crowd, its_life, say, shows, told, whole
from labkit.scene.checking import Client, Scene, Shim, _, expect, require, seeded, step


@step(5, "clear-logs")
def test_clear_logs(scene: Scene) -> None:
    """After `clear logs` the log holds what came later, and at most the command itself."""
    console = consoles.start(scene)
    alice, bob = enter(console, "alice", "bob")
    bob.close()
    console.logged(f"client {bob.address} disconnected")
    say(alice)
    answered = len(b"OK welcome alice\n" + b"ECHO hello\n")
    console.program.eventually(lambda: moved(alice, "sent", console.log()) == answered, 3.0)
    console.ask(b"clear logs")
    log = console.log()
    require(
        log.events in ([], ["clear logs"]) and len(log.data) < 100,
        _("what stands in the log after `clear logs`"),
        expected=_("nothing, or that command's own line"),
        got=log.data[:2000],
        cause="log-holes" if b"\0" in log.data else "stale-log",
    )
    say(alice)
    (carol,) = enter(console, "carol")
    came = f"client {carol.address} connected"
    for event, there in (
        (came, console.logged(came)),
        (f"received 10 bytes from {alice.address}", received(console, alice, 10)),
    ):
        require(
            there,
            _("what comes after `clear logs` must be in the log"),
            expected=event,
            got="\n".join(console.log().lines),
            cause="missing-event",
        )
    cleared(console.log(), [bob])
    before = console.log().lines
    lines = console.lines(b"logs")
    shows(before, console.log().lines, lines, 10**6, b"logs")


def moved(client: Client, verb: str, log: consoles.Log) -> int:
    """The bytes that were sent to a client, or received: the log may say so after the client has them."""
    form = re.compile(rf"{verb} (\d+) bytes (?:to|from) {re.escape(client.address)}")
    return sum(int(match[1]) for event in log.events if (match := form.fullmatch(event)))


def received(console: Console, client: Client, count: int) -> bool:
    """Wait until the log has that so many bytes were received from a client, in one line or in several."""
    return console.program.eventually(
        lambda: moved(client, "received", console.log()) == count, 3.0
    )


def cleared(log: consoles.Log, earlier: Sequence[Client]) -> None:
    """The log is whole, and says nothing of clients that were gone when it was cleared."""
    whole(log)
    stale = [one for client in earlier for one in log.about(client.address)]
    expect([], stale, _("lines from before the log was cleared"), "stale-log")


CLEARINGS = 20


@step(5, "clear-logs", "whole-log", "status")
def test_clear_while_50_write(scene: Scene) -> None:
    """While 50 clients write, the log is cleared again and again: nothing torn, nothing from
    before, and nothing missing of what comes later."""
    for shim in (Shim(), *seeded(scene.seed, 1)):
        console = consoles.start(scene, shim=shim)
        clients = crowd(console, 50)
        with Chorus(console.program, clients) as chorus:
            for _time in range(CLEARINGS):
                (gone,) = console.server.crowd(1)
                told(gone, b"SAY x", b"ERR login-first")
                gone.close()
                its_life(console, gone, len(b"SAY x\n"), len(STRANGER))
                chorus.went_on()
                console.ask(b"clear logs", seconds=10.0)
                cleared(settled_log(console), [gone])
        log = settled_log(console)
        whole(log)
        counted = console.status().lines
        after = len(console.log().lines)
        require(
            len(log.lines) <= counted <= after,
            _("the lines of the log that `status` counts after it was cleared"),
            expected=len(log.lines),
            got=counted,
            cause="wrong-status",
        )


def settled_log(console: Console) -> consoles.Log:
    """The log at a moment between two lines: reading does not wait for a thread that is writing a line."""
    log = console.log()
    for _try in range(50):
        if not log.data or log.data.endswith(b"\n"):
            break
        log = console.log()
    return log
