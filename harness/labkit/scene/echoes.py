"""Labs 01 and 02: what a server that returns every byte owes to those who send words, and to those who read late."""

from __future__ import annotations

import time

from labkit.box.stream import Ended
from labkit.ground.faults import Disconnected, Fault, Silent
from labkit.ground.words import _
from labkit.scene.server import Server

# What a person may type to end a conversation, in the forms in which it arrives; and keys of a terminal.
_NAMES = (
    b"exit",
    b"quit",
    b"bye",
    b"stop",
    b"shutdown",
    b"close",
    b"q",
    b".",
    b"EXIT",
    b"/quit",
    b"",
)
WORDS = tuple(name + end for name in _NAMES for end in (b"", b"\n", b"\r\n") if name + end)
KEYS = (b"\x04", b"\x03", b"\x1a", b"\x1b", b"\xff", b"\x04\n", b"\xff\n", b"\0", b"\0\n")
CAUSE = "word-as-command"

AWAY_SECONDS = 2.5  # longer than most time-outs that somebody thought of
CALM_SECONDS = 0.3  # no byte goes: all buffers are full


def no_word_is_a_command(server: Server) -> None:
    """Each word, alone in its portion and in a connection where others came before, must come back like any other."""
    client = server.connect()
    client.send(b"a word")
    client.expect(b"a word")
    for word in (*WORDS, *KEYS, b"exit now\n", b"still here\n"):
        client.send(word)
        try:
            client.expect(word)
        except Fault as fault:
            raise _why(server, word, fault) from None
    client.close()


def _why(server: Server, word: bytes, fault: Fault) -> Fault:
    """What happened to a word that did not come back."""
    ended: Ended | None = server.program.wait(server.program.deadline(0.3))
    if ended and ended.signal:
        return fault
    if ended:
        got: bytes | str | None = str(ended)
    elif isinstance(fault, Silent):
        got = _("nothing, but the connection is open")
    elif isinstance(fault, Disconnected) or not fault.got:
        got = _("the connection is closed")
    else:
        got = fault.got
    return Fault(
        _("a client sent a word, and it did not come back like any other"),
        expected=word,
        got=got,
        cause=CAUSE,
    )


def late_reader_gets_all(server: Server, message: bytes) -> None:
    """A client that sends what goes without reading, and is away for some seconds then, must get every byte of it.

    message: more bytes than all buffers between the two have room for.
    """
    client = server.connect(_("late reader"))
    sent = client.push(message, calm=CALM_SECONDS)
    time.sleep(AWAY_SECONDS)
    try:
        client.expect(message[:sent])
    except Fault as fault:
        if isinstance(fault, Disconnected):
            fault.cause = "closes-early"
        fault.what = _("a client read its answers late: {why}").format(why=fault.what)
        raise
    client.close()
