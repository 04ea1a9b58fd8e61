"""Lab 02, step 2: Each thread its own client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from checks.lab_02_threaded_echo.shared import MIB, SERVER, owners, seen_in_a_burst, talk, token
from labkit.scene import echoes, manners
from labkit.scene.checking import (
    Disconnected,
    Fault,
    Scene,
    Server,
    Shim,
    Silent,
    _,
    blame,
    judge,
    require,
    seeded,
    step,
)

LINE = re.compile(
    r"server started|listening on \S+:\d+|server stopped|client \S+:\d+ (connected|disconnected)"
    r"|received \d+ bytes from \S+:\d+|sent \d+ bytes to \S+:\d+"
)


@step(2, "own-bytes")
def test_300_in_one_burst(scene: Scene) -> None:
    """300 clients that connect at the same moment each get their own bytes back, and nobody else's."""
    server = scene.server(SERVER)
    with explained(scene, server):
        clients = server.crowd(300)
        for _round in range(3):
            judge(talk(server, clients), cause="lost-client")


@contextmanager
def explained(scene: Scene, server: Server) -> Iterator[None]:
    """Where clients of a burst are lost or mixed up inside, ThreadSanitizer may see why in a burst of its own."""
    try:
        with manners.survives(server, "ended-early"):
            yield
    except Fault as fault:
        fault.about = server.program
        found = seen_in_a_burst(scene)
        if found:
            fault.details = found.details
            fault.cause = fault.cause if fault.cause == "mixed-clients" else found.cause
        raise


@step(2, "own-bytes", "one-owner")
def test_a_burst_with_perturbed_schedules(scene: Scene) -> None:
    """The same holds when threads start late and are interrupted at the worst moments."""
    for shim in seeded(scene.seed, 3):
        server = scene.server(SERVER, shim=shim)
        with owners(server), explained(scene, server):
            for _wave in range(3):
                clients = server.crowd(60)
                judge(talk(server, clients), cause="lost-client")
                for client in clients:
                    client.close()


@step(2, "every-byte", "as-lab-01")
def test_every_byte_comes_back(scene: Scene) -> None:
    """Binary data, large messages and short reads and writes: every byte in its place, for all at once."""
    every = bytes(range(1, 128)) + b"\0" + bytes(range(128, 256))
    server = scene.server(SERVER)
    judge(talk(server, server.crowd(4), lambda i: token(i, 2 * MIB), 20.0), cause="no-answer")
    binary = server.connect()
    binary.send(every)
    binary.expect(every)
    binary.finish_sending()
    with blame("does-not-close", only=Silent):
        binary.expect_end()
    short = scene.server(SERVER, shim=Shim(seed=scene.seed, percent=0, short=100))
    for one in talk(short, short.crowd(4), lambda i: token(i, 20_000)):
        require(
            one.right,
            _("with short reads and writes, bytes are lost"),
            expected=one.payload,
            got=bytes(one.got),
            cause="short-write",
        )


@step(2, "no-hurry")
def test_nobody_has_to_hurry(scene: Scene) -> None:
    """A client that is silent for a while, or reads its answers late, gets every byte all the same."""
    server = scene.server(SERVER, network="narrow")
    silent = server.connect(_("silent client"))
    silent.send(b"wait a moment\n")
    silent.expect(b"wait a moment\n")
    echoes.late_reader_gets_all(server, token(0, 2 * MIB))
    try:
        silent.send(b"here I am\n")
        silent.expect(b"here I am\n")
    except Fault as fault:
        ended = fault.got == b"" and not isinstance(fault, Silent)
        if ended or isinstance(fault, Disconnected):
            fault.cause = "idle-timeout"
        raise


@step(2, "as-lab-01", "every-byte")
def test_no_word_is_a_command(scene: Scene) -> None:
    """`exit`, an empty line and Ctrl-D's byte come back like anything else: the server takes no commands."""
    echoes.no_word_is_a_command(scene.server(SERVER))


@step(2, "whole-lines", "messages")
def test_lines_are_whole(scene: Scene) -> None:
    """Every line on stdout is whole, though many threads print at once."""
    shim = Shim(seed=scene.seed, percent=5, max_us=1000, short=16)  # so that there are many lines
    server = scene.server(SERVER, "-v", shim=shim)
    clients = server.crowd(50)
    for _round in range(3):
        judge(talk(server, clients), cause="lost-client")
    for client in clients:
        client.close()
    gone = {f"client {client.address} disconnected" for client in clients}
    server.program.eventually(lambda: gone <= set(server.program.stdout.lines()), 3.0)
    torn = [line for line in server.program.stdout.lines() if not LINE.fullmatch(line)]
    require(
        not torn,
        _("{n} lines are not whole").format(n=len(torn)),
        expected=_("one event a line, as in the handout"),
        got="\n".join(torn[:20]),
        cause="torn-line",
    )
