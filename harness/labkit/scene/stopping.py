"""The rules of all servers: how they stop, at whatever moment they are asked to."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from labkit.box.stream import Ended
from labkit.ground.faults import Disconnected, Fault, Silent
from labkit.ground.words import _
from labkit.hang import flight
from labkit.scene.running import Running
from labkit.scene.scene import Scene
from labkit.scene.schedules import forced, slowed
from labkit.scene.server import Server, wait_listening
from labkit.scene.tools import UNDER_TSAN, Shim
from labkit.wire.clients import Client


def stops(
    server: Server,
    clients: Sequence[Client],
    number: signal.Signals,
    unsaid: str = "missing-message",
    aloud: bool = True,
) -> None:
    """The server must end with status 0 within a second, say `disconnected` for each client there, and
    `server stopped` last, and close every connection.

    unsaid: the cause where `disconnected` is not said before the end. aloud: whether it must be on stdout.
    """
    ended = server.stop(number)
    output = server.program.stdout.text()
    if ended.signal:
        raise Fault(
            _("{signal} killed the server instead of stopping it").format(signal=number.name),
            expected=_("exit status {status}").format(status=0),
            got=str(ended),
            cause="dies-of-signal" if ended.signal == number.name else None,
        )
    if ended.status:
        raise Fault(
            _("a server that was stopped must exit with 0"),
            expected=_("exit status {status}").format(status=0),
            got=str(ended),
            cause="wrong-exit-status",
        )
    lines = output.splitlines()
    if not lines or lines[-1] != "server stopped":
        raise Fault(
            _("the last line must be `server stopped`"),
            expected="server stopped",
            got="\n".join(lines[-3:]),
            cause=_why_not_last(lines, unsaid),
        )
    for client in clients:
        line = f"client {client.address} disconnected"
        if aloud and lines.count(line) != 1:
            raise Fault(
                _("each client that is still there must be reported as disconnected, once"),
                expected=line,
                got="\n".join(l for l in lines if client.address in l) or _("no such line"),
                cause=_why_not_once(lines, clients, unsaid),
            )
        must_see_end(client)


def _why_not_once(lines: Sequence[str], clients: Sequence[Client], unsaid: str) -> str:
    """Why `disconnected` is not said once of each client: of one for another, too often, or not at all."""
    gone = [line for line in lines if line.endswith(" disconnected")]
    missing = any(f"client {client.address} disconnected" not in gone for client in clients)
    if len(set(gone)) < len(gone):
        return "mixed-names" if missing else "extra-message"
    return unsaid


def _why_not_last(lines: Sequence[str], unsaid: str) -> str:
    """Why `server stopped` is not the last line."""
    if "server stopped" not in lines:
        return "missing-message"
    after = lines[lines.index("server stopped") + 1 :]  # the very last may be cut short
    late = any(line[:7] == "client "[: len(line)] for line in after)
    return unsaid if late and unsaid != "missing-message" else "wrong-message"


def must_see_end(client: Client) -> None:
    """The client's connection must be over: closed or reset."""
    try:
        while client.receive(1 << 16):
            pass
    except Disconnected:
        pass
    except Silent:
        raise Fault(
            _("{client}: the connection is still open after the server stopped").format(
                client=client.name
            ),
            cause="does-not-close",
        ) from None


def binds_again(scene: Scene, server: Server) -> None:
    """After a stop with clients connected, the same port must be free for the next start."""
    running = scene.start(server.program.program, "-p", str(server.port))
    try:
        wait_listening(running)
    except Fault as fault:
        raise Fault(
            _("after a stop, the server cannot be started on the same port again"),
            expected=_("it listens on port {port}").format(port=server.port),
            got=running.stderr.text() or fault.what,
            cause="no-reuseaddr",
        ) from None


STOP_RUNS = 8
START_RUNS = 4
SLOW_CALLS = Shim(seed=0, percent=100, max_us=30_000)


def hears_every_signal(
    scene: Scene, program: str, cause: str = "does-not-stop", answer: bytes = b"x\n"
) -> None:
    """A stop that comes just before the server goes to sleep must not be lost.

    answer: all that a client gets that sends `x`.

    The shim stretches the moments around blocking calls; the signal is sent as soon as the server says that
    it listens, and when a client's end has just been noticed: on the way to wait for the next one.
    """
    slow = slowed(SLOW_CALLS, scene)
    late = forced(slow, scene.seed, START_RUNS, late=0, calls=4)
    early = [_stopped_at_start(scene, program, shim) for shim in late]
    servers = []
    for run_ in range(STOP_RUNS):
        server = scene.server(program, shim=replace(slow, seed=scene.seed + run_))
        client = server.connect()
        client.send(b"x\n")
        client.expect(answer)
        client.close()
        server.program.stdout.wait_for(r"disconnected$", server.program.deadline(2.0))
        ask_to_stop(server.program, signal.SIGTERM if run_ % 2 else signal.SIGINT)
        servers.append(server.program)
    for running in early:
        _end_of(running, cause)  # its handlers may have come too late: no matter
    for running in servers:
        must_stop(running, cause)


def _stopped_at_start(scene: Scene, program: str, shim: Shim) -> Running:
    """A server that gets the signal to stop as soon as it has said where it listens."""
    running = scene.start(program, "-p", "0", shim=shim)
    running.stdout.wait_for("^listening on", running.deadline(3.0))
    ask_to_stop(running, signal.SIGTERM)
    return running


def ask_to_stop(running: Running, number: signal.Signals = signal.SIGTERM) -> None:
    """Send the signal; the server may end from now on."""
    running.must_not_have_died()
    running.may_end = True
    running.signal(number)


def stop_under_tool(server: Server, number: signal.Signals = signal.SIGTERM) -> None:
    """Stop a server under a tool.

    ThreadSanitizer's runtime keeps a signal back until the program makes a call that it knows, so a correct
    program may sleep on: clients wake it, and whether it heard the signal is judged elsewhere, without it.
    """
    program = server.program
    if program.tool is not UNDER_TSAN:
        server.stop(number, 3.0)
        return
    ask_to_stop(program, number)
    for _again in range(6):
        if program.wait(program.deadline(0.25)):
            return
        program.signal(number)
        with suppress(Fault):
            server.connect().close()


def handlers_are_safe(running: Running) -> None:
    """No signal handler of a program may have called what signal-safety(7) does not list, where that can do harm."""
    unsafe = flight.read(running.log / "stats").unsafe
    if unsafe:
        words = _("a signal handler calls {call}, which is not safe in one")
        what = words.format(call=unsafe.call)
        raise Fault(what, cause="signal-unsafe", about=running, certain=True)


def must_stop(running: Running, cause: str = "does-not-stop") -> None:
    """A server that got the signal to stop, and whose calls the shim delays, must end with status 0.

    How long that takes says nothing here; but a program that makes no more calls sleeps for good.
    """
    ended = _end_of(running, cause)
    if ended.status:
        raise Fault(
            _("a stop that came at an inconvenient moment did not end with status 0"),
            expected=_("exit status {status}").format(status=0),
            got=str(ended),
            cause="wrong-exit-status",
            about=running,
        )


def _end_of(running: Running, cause: str) -> Ended:
    """Wait for the end; Silent where the program neither ends nor makes a call for a second."""
    most = running.deadline(30.0)
    while (ended := running.wait(running.deadline(0.0))) is None:
        before = running.stats().delays
        if running.wait(running.deadline(1.0)):
            continue
        if most.passed or running.stats().delays == before:
            raise Silent(
                _("{program} was asked to stop and does not end").format(program=running.name),
                cause=cause,
                about=running,
            )
    return ended
