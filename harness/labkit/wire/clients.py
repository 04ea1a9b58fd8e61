"""A client of the program under test: what it sends, what it gets, and what went wrong."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import TypeVar

from labkit.ground.faults import Disconnected, Fault, Silent
from labkit.ground.journal import Journal
from labkit.ground.pace import Deadline, Pace, late
from labkit.ground.words import _

T = TypeVar("T")

CHUNK = 65_536
PATIENCE = (
    5.0  # seconds that an answer may take on an idle machine; correct programs need milliseconds
)


class Client:
    """One connection to the program under test, blocking, with deadlines.

    `name` is how the conversation calls it. `quiet` keeps bulk traffic out of the journal.
    """

    def __init__(
        self, sock: socket.socket, name: str, journal: Journal, pace: Pace, weight: float = 1.0
    ) -> None:
        self.sock = sock
        self.name = name
        self.journal = journal
        self._pace = pace
        self._weight = weight
        self.closed = False
        local = sock.getsockname()
        host = f"[{local[0]}]" if ":" in local[0] else local[0]
        self.address = f"{host}:{local[1]}"  # as the contract's messages write it

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def patience(self, seconds: float = PATIENCE) -> Deadline:
        return self._pace.deadline(seconds, self._weight)

    def _in_time(self, deadline: Deadline, call: Callable[[], T]) -> T:
        """What a call on the socket returns; TimeoutError when the deadline has passed, which may be extended."""
        while True:
            self.sock.settimeout(max(0.001, deadline.turn))
            try:
                return call()
            except TimeoutError:
                if deadline.hopeless():
                    break
        self.sock.settimeout(0.001)  # it may have come just before that was known
        return call()

    def send(self, data: bytes) -> None:
        """Send all of `data`; Silent if the other side does not take it by the deadline."""
        self.journal.sent(self.name, data)
        deadline = self.patience()
        view = memoryview(data)
        while view:
            try:
                view = view[self._in_time(deadline, lambda: self.sock.send(view)) :]
            except TimeoutError:
                raise Silent(
                    _("{client}: only {taken} of {all} bytes were taken in {s:.1f} s").format(
                        client=self.name,
                        taken=len(data) - len(view),
                        all=len(data),
                        s=deadline.allowed,
                    )
                ) from None
            except OSError as error:
                raise self._cut(error) from None

    def push(self, data: bytes, calm: float = 0.0) -> int:
        """Send as much of `data` as goes without reading; returns how many bytes went.

        It ends when no byte has gone for `calm` seconds: then all buffers between the two are full.
        """
        sent = 0
        self.sock.settimeout(self.patience(calm).allowed)
        try:
            while sent < len(data):
                sent += self.sock.send(data[sent : sent + CHUNK])
        except OSError:
            pass
        self.journal.note(self.name, _("pushes {n} bytes and reads none").format(n=sent))
        return sent

    def receive(self, count: int, deadline: Deadline | None = None) -> bytes:
        """Up to `count` bytes: fewer only where the other side closed. Silent at the deadline."""
        deadline = deadline or self.patience()
        got = bytearray()
        while len(got) < count:
            try:
                data = self._in_time(deadline, lambda: self.sock.recv(min(CHUNK, count - len(got))))
            except TimeoutError:
                if got:
                    self.journal.received(self.name, bytes(got))
                self.journal.note(
                    self.name, late(deadline, _("timed out"), _("gives up: nothing will come"))
                )
                raise Silent(
                    late(
                        deadline,
                        _("{client} timed out after {s:.1f} s"),
                        _("{client} waits in vain: all threads of the program sleep for good"),
                    ).format(client=self.name, s=deadline.allowed),
                    got=bytes(got),
                ) from None
            except OSError as error:
                raise self._cut(error, bytes(got)) from None
            if not data:
                break
            got += data
        self.journal.received(self.name, bytes(got))
        return bytes(got)

    def receive_line(self) -> bytes:
        """One line with its newline, or what came before the other side closed."""
        got = bytearray()
        deadline = self.patience()
        while not got.endswith(b"\n"):
            try:
                data = self._in_time(deadline, lambda: self.sock.recv(1))
            except TimeoutError:
                raise Silent(
                    _("{client}: no line came").format(client=self.name), got=bytes(got)
                ) from None
            except OSError as error:
                raise self._cut(error, bytes(got)) from None
            if not data:
                break
            got += data
        self.journal.received(self.name, bytes(got))
        return bytes(got)

    def expect(self, expected: bytes, patience: float | Deadline = PATIENCE) -> None:
        """The next bytes must be these; else a Fault with both sides and the likely cause.

        patience: seconds of it, or a deadline of the caller's, which says afterwards whether waiting on was hopeless.
        """
        deadline = patience if isinstance(patience, Deadline) else self.patience(patience)
        try:
            got = self.receive(len(expected), deadline)
        except Silent as silent:
            silent.expected = expected
            got = silent.got if isinstance(silent.got, bytes) else b""
            silent.cause = silent.cause or likely_cause(expected, got, False)
            raise
        if got != expected:
            raise Fault(
                _("{client} received unexpected bytes").format(client=self.name),
                expected=expected,
                got=got,
                cause=likely_cause(expected, got, len(got) < len(expected)),
            )

    def expect_end(self) -> None:
        """The other side must close now, in order, and send nothing more."""
        got = self.receive(1)
        if got:
            self.sock.setblocking(False)
            try:
                got += self.sock.recv(CHUNK)
            except OSError:
                pass
            raise Fault(
                _("{client} got bytes that nobody sent").format(client=self.name),
                expected=b"",
                got=got,
                cause="extra-bytes",
            )
        self.journal.note(self.name, _("sees the connection closed"))

    def finish_sending(self) -> None:
        """Half close: nothing more will be sent, but everything is still read. shutdown(2)"""
        self.journal.note(self.name, _("half-closes: it has nothing more to send"))
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise self._cut(error) from None

    def close(self) -> None:
        """Close in the ordinary way; harmless when closed."""
        if not self.closed:
            self.closed = True
            self.journal.note(self.name, _("closes"))
            self.sock.close()

    def reset(self) -> None:
        """Close with a reset (RST): what a crashed peer or a cut cable looks like. socket(7), SO_LINGER"""
        self.closed = True
        self.journal.note(self.name, _("resets the connection"))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def sock_open(self) -> bool:
        """Whether the other side still holds the connection: neither end of input nor an error is there."""
        if self.closed:
            return False
        self.sock.setblocking(False)
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.sock.setblocking(True)

    def has_answer(self) -> bool:
        """Whether bytes are there to be received; they stay there."""
        self.sock.setblocking(False)  # else Python would wait for its time-out
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False
        finally:
            self.sock.setblocking(True)

    def _cut(self, error: OSError, got: bytes | None = None) -> Disconnected:
        self.journal.note(
            self.name, _("finds the connection broken: {why}").format(why=error.strerror)
        )
        return Disconnected(
            _("{client}: the server broke the connection ({why})").format(
                client=self.name, why=error.strerror
            ),
            got=got,
        )


def likely_cause(expected: bytes, got: bytes, ended: bool) -> str | None:
    """The named symptom that a pair of byte strings shows, None if it is none of the known ones."""
    if got == expected:
        return None
    nul = expected.find(b"\0")
    if nul > 0 and got in (expected[:nul], expected[: nul + 1]):
        return "stops-at-nul"
    if not got:
        return "closes-early" if ended else "no-answer"
    if expected.startswith(got):
        return "closes-early" if ended else "incomplete-echo"
    if nul > 0 and len(got) == len(expected) and got.startswith(expected[:nul]):
        return "stops-at-nul"
    return "wrong-bytes"
