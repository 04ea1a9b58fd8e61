"""The rows: a C file each below rows/, named by its family and its call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
DIRECTORY = HERE / "rows"

# What the name of a row begins with, and the title of that part of the table.
FAMILIES = {
    "mutex": "Mutexes",
    "rwlock": "Read-write locks",
    "spin": "Spin locks",
    "cond": "Conditions",
    "barrier": "Barriers",
    "sem": "Semaphores",
    "join": "Threads: start, end, join",
    "once": "Once, and a thread's own data",
    "fork": "Fork",
    "c11": "C11 threads",
    "atomic": "Atomic variables and fences",
    "stdio": "stdio's own lock",
    "pipe": "Pipes, with and without stdio",
    "socket": "Socket pairs",
    "event": "Event descriptors and epoll",
    "signal": "Signals",
    "timer": "Timers",
    "mq": "Message queues",
}
# Of these families a lock has an owner: a thread that ends with it is a fault that a tool looks for. Not so
# where it is a robust mutex, which is made for that.
_OWNED = ("mutex", "rwlock", "spin", "cond", "c11")

RIGHT, BROKEN, KEPT = 0, 1, 2
TWINS = {RIGHT: "right", BROKEN: "broken", KEPT: "kept"}


@dataclass(frozen=True)
class Row:
    """One program. calls: what it is about, as its first line says; what: the rest of that line."""

    name: str
    calls: str
    what: str
    has_kept: bool

    @property
    def family(self) -> str:
        return self.name.split("_")[0]

    @property
    def source(self) -> Path:
        return DIRECTORY / f"{self.name}.c"

    @property
    def twins(self) -> tuple[int, ...]:
        """What its BROKEN can be."""
        return (RIGHT, BROKEN, KEPT) if self.has_kept else (RIGHT, BROKEN)


def rows() -> list[Row]:
    """All rows, in the order of their families."""
    found = [_read(path) for path in sorted(DIRECTORY.glob("*.c"))]
    order = list(FAMILIES)
    return sorted(found, key=lambda row: (order.index(row.family), row.name))


def _read(path: Path) -> Row:
    """A row by its source; ValueError where its first comment is not `CALLS: WHAT`."""
    text = path.read_text(encoding="utf-8")
    comment = re.match(r"/\*(.*?)\*/", text, re.DOTALL)
    words = " ".join(comment[1].replace("\n *", " ").split()) if comment else ""
    calls, colon, what = words.partition(": ")
    if not colon or path.stem.split("_")[0] not in FAMILIES:
        raise ValueError(
            f"{path.name} has no family, or its first line does not say what it is about"
        )
    owned = path.stem.split("_")[0] in _OWNED and "PTHREAD_MUTEX_ROBUST" not in text
    kept = owned and re.search(r"^LOCK_ROW\(|BROKEN == 2", text, re.MULTILINE) is not None
    return Row(path.stem, calls, what, kept)
