"""What a program says and how it ends: a stream with waiting for what is to come, an exit status or a signal."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from labkit.ground.journal import Journal
from labkit.ground.pace import Deadline
from labkit.ground.words import _

JOURNALED = 100  # lines of one piece of output that the conversation shows


@dataclass(frozen=True)
class Ended:
    """How a process ended: an exit status, or a signal by name."""

    status: int
    signal: str | None

    def __str__(self) -> str:
        if self.signal:
            return _("killed by {signal}").format(signal=self.signal)
        return _("exit status {status}").format(status=self.status)


def how_ended(code: int) -> Ended:
    """From Popen's return code; the sandbox's init reports a signal as 128 + its number."""
    number = -code if code < 0 else code - 128 if code > 128 else 0
    try:
        return Ended(code, signal.Signals(number).name if number else None)
    except ValueError:
        return Ended(code, None)


class Stream:
    """One output of a program, whole, with waiting for what is to come."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.data = bytearray()
        self.closed = False
        self._came: list[tuple[int, float]] = []  # (length of data then, when)
        self.changed = threading.Condition()  # guards data, _came and closed

    def add(self, data: bytes) -> None:
        with self.changed:
            self.data += data
            self._came.append((len(self.data), time.monotonic()))
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def taken(self) -> bytes:
        with self.changed:
            return bytes(self.data)

    def text(self) -> str:
        return self.taken().decode("utf-8", "backslashreplace")

    def lines(self) -> list[str]:
        """All finished lines so far."""
        return self.text().split("\n")[:-1]

    def timed_lines(self) -> list[tuple[float, str]]:
        """All finished lines so far, each with the monotonic time at which its end was read."""
        with self.changed:
            data, came = bytes(self.data), list(self._came)
        lines, position, index = [], 0, 0
        for line in data.split(b"\n")[:-1]:
            position += len(line) + 1
            while came[index][0] < position:
                index += 1
            lines.append((came[index][1], line.decode("utf-8", "backslashreplace")))
        return lines

    def wait_until(self, enough: Callable[[bytes], bool], deadline: Deadline) -> bool:
        """Wait until the bytes so far are `enough`; False at the deadline, at the stream's end or where none will come."""
        while not self._comes(enough, deadline.turn):
            # Not with the lock: the pump needs it to bring what has been written.
            if self.closed or deadline.hopeless():
                return self._comes(enough, 0.0)
        return True

    def _comes(self, enough: Callable[[bytes], bool], seconds: float) -> bool:
        """Whether the bytes are `enough`, now or within so many seconds; it may return earlier."""
        with self.changed:
            if not enough(bytes(self.data)) and not self.closed and seconds:
                self.changed.wait(seconds)
            return enough(bytes(self.data))

    def wait_for(self, pattern: str, deadline: Deadline) -> re.Match[str] | None:
        """Wait for a regular expression in the text so far; None if it does not come."""
        compiled = re.compile(pattern, re.MULTILINE)
        self.wait_until(
            lambda data: bool(compiled.search(data.decode("utf-8", "replace"))), deadline
        )
        return compiled.search(self.text())


def note_lines(journal: Journal, who: str, stream: Stream, pending: bytearray, data: bytes) -> None:
    """Note the finished lines of new output in the journal as those of `who`; the unfinished rest is pending."""
    finished, newline, rest = data.rpartition(b"\n")
    if not newline:  # a line without an end is not looked through again and again
        pending += data
        return
    lines = bytes(pending + finished).split(b"\n")
    pending[:] = rest
    verb = _("prints") if stream.name == "stdout" else _("prints on stderr")
    for line in lines[:JOURNALED] if len(lines) > 2 * JOURNALED else lines:
        journal.note(who, verb, line)
    if len(lines) > 2 * JOURNALED:
        left_out = len(lines) - JOURNALED
        journal.note(who, _("and {n} more lines").format(n=left_out))
