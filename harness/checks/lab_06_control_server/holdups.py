"""Lab 06, step 1: odd input, and how long a hash holds others up."""

from __future__ import annotations

import select
import statistics
import time
from collections.abc import Sequence

from checks.lab_06_control_server.console import Console, enter, since
from checks.lab_06_control_server.shared import at_once, await_all, say
from labkit.scene.checking import Client, Fault, Silent, Talk, _, blame, judge, printable

BURSTS, LINES = 9, 40


def in_portions(console: Console) -> None:
    """Lines come in pieces and together; the last one, without an end, is dropped."""
    (alice,) = enter(console, "alice")
    for piece in (b"S", b"AY he", b"llo\nSAY on", b"e\nSAY two\nSAY thr", b"ee\n"):
        alice.send(piece)
    alice.expect(b"ECHO hello\nECHO one\nECHO two\nECHO three\n")
    alice.send(b"SAY half a line")
    alice.finish_sending()
    with blame("does-not-close", only=Silent):
        alice.expect_end()


def times_of_status(console: Console, clients: Sequence[Client]) -> tuple[float, float]:
    """How long `status` takes, the middle one of some bursts of lines, and how long it may; in seconds."""
    allowed = [console.program.deadline(0.01).allowed]
    took = []
    for round_ in range(BURSTS):
        talks = []
        for index, client in enumerate(clients):
            text = b"".join(b"SAY %08d-%d-%d\n" % (index, round_, n) for n in range(LINES))
            client.sock.sendall(text)
            talks.append(Talk(client, text, bytearray(), text.replace(b"SAY", b"ECHO")))
        began = time.monotonic()
        console.ask(b"status")
        took.append(since(began))
        judge(await_all(console, talks), cause="lost-client")
        allowed.append(console.program.deadline(0.01).allowed)
    return statistics.median(took), max(allowed)


def hold_up(console: Console, alice: Client, command: bytes, answer: bytes) -> tuple[float, float]:
    """How long a command with a password took, and how long others waited at most meanwhile, in seconds."""
    slow = console.server.connect()
    slow.send(command)
    began, longest = time.monotonic(), 0.0
    while not select.select([slow.sock], [], [], 0.02)[0] and longest < 10.0:
        asked = time.monotonic()
        say(alice)
        at_once(console, 10.0)
        longest = max(longest, since(asked))
    slow.expect(answer, 10.0)
    slow.close()
    return since(began), longest


def type_oddly(console: Console, typed: bytes) -> None:
    """Type a line of any bytes; `status` must be answered after it."""
    try:
        console.type(typed)
        console.ask(b"status")
    except Fault as fault:
        console.program.wait(console.program.deadline(0.3))
        fault.cause = "byte-ends-input"
        fault.what = _("after {typed}, which was typed as a line: {why}").format(
            typed=printable(typed), why=fault.what
        )
        raise
