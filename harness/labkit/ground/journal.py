"""The conversation: which side sent what, and when, on one time axis."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from labkit.ground.words import _

SHOWN_BYTES = 64
HEAD = re.compile(r" *\d+[.,]\d+ \S+  .*?\S {2,}")  # of a conversation's line: when, and who


@dataclass(frozen=True)
class Event:
    """One thing that happened. `at`: seconds since the journal began; `who`: "client 2", "server".

    data: bytes that went over the wire or were printed; they are made readable only when they are shown.
    """

    at: float
    who: str
    what: str
    data: bytes | None = None

    def __str__(self) -> str:
        return self.what if self.data is None else f"{self.what} {printable(self.data)}"


def printable(data: bytes, limit: int = SHOWN_BYTES) -> str:
    """Bytes as a C string would write them, cut in the middle past `limit` bytes."""
    if len(data) > limit:
        half = limit // 2
        size = _(" ({n} bytes)").format(n=len(data))
        return f"{printable(data[:half])} … {printable(data[-half:])}{size}"
    out = []
    for byte in data:
        char = chr(byte)
        named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}.get(char)
        out.append(named or (char if 32 <= byte < 127 else f"\\x{byte:02x}"))
    return '"' + "".join(out) + '"'


def hang(line: str) -> int:
    """The column at which the text of a conversation's line begins; 0 where it has none."""
    head = HEAD.match(line)
    return head.end() if head else 0


class Journal:
    """The latest events, safe to write from several threads."""

    KEPT = 20_000

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()  # guards _events and _count
        self._events: deque[Event] = deque(maxlen=self.KEPT)
        self._count = 0

    def note(self, who: str, what: str, data: bytes | None = None) -> None:
        """Record that `who` did `what`, now."""
        event = Event(time.monotonic() - self._began, who, what, data)
        with self._lock:
            self._events.append(event)
            self._count += 1

    def sent(self, who: str, data: bytes) -> None:
        self.note(who, _("sends"), data)

    def received(self, who: str, data: bytes) -> None:
        self.note(who, _("receives"), data)

    def text(self, last: int = KEPT, without: Collection[str] = ()) -> str:
        """The conversation as lines `0.012 s  client 1   sends "hello\\n"`, or its last ones.

        without: those whose events are left out.
        """
        with self._lock:
            events = [event for event in self._events if event.who not in without]
            count = self._count - len(self._events) + len(events)
        events = events[-last:]
        width = max((len(event.who) for event in events), default=0)
        lines = [_("… {n} earlier").format(n=count - len(events))] if count > len(events) else []
        time_words = _("{s:8.3f} s")
        lines += [f"{time_words.format(s=e.at)}  {e.who:<{width}}  {e}" for e in events]
        return "\n".join(lines)
