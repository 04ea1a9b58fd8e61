"""Reads the shim's record of locks: which thread held which when it asked for another, and what ordered the threads.

Its form is `struct shim_record` of harness/native/perturb.h, behind the counters in the file that PERTURB_STATS
names. It is shared memory, so it is complete however the program ended. The program can write it, too, so
nothing in it is believed that does not fit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from labkit.ground import written
from labkit.ground.faults import Trouble
from labkit.ground.words import _

_AT = 4096
_HEAD = struct.Struct("=5Q4I")  # magic, version, bias, now, lost, then how many locks, nodes, waits
_THREAD = struct.Struct("=4Q2I")  # created, joined, routine, site, creator, joiner
_ENTRY = struct.Struct("=3Q2I")  # a, b, when, then two that are the shim's own
_SITE = struct.Struct("=2I")  # site, how often a lock was taken there
_THREADS, _LOCKS, _NODES, _WAITS, _SITES = 8192, 8192, 8192, 16384, 1024
_BEFORE_SITES = _HEAD.size + _THREADS * _THREAD.size + (_LOCKS + _NODES + _WAITS) * _ENTRY.size
_SIZE = _BEFORE_SITES + _SITES * _SITE.size
_MAGIC = int.from_bytes(b"LOCKS", "big")
_VERSION = 2
_SHARED, _TRIED, _WRITERS_FIRST = 1, 2, 4
_LOW = (1 << 32) - 1


@dataclass(frozen=True)
class Hold:
    """A lock as a thread took it, or asks for it.

    lock: its number; another lock at the same address has another one. shared: for reading. site: where, from the
    program's beginning, 0 where it is not known. writers_first: it is a lock at which readers wait behind writers.
    tried: by a call that gives up.
    """

    lock: int
    shared: bool
    site: int
    writers_first: bool = False
    tried: bool = False


@dataclass(frozen=True)
class Wait:
    """A thread asked for a lock, in a way that can block for ever, while it held others.

    when: a number that is larger than those of all events before. Other waits of the thread that hold the same and
    lie between the same creations and joins of threads are this one.
    """

    thread: int
    when: int
    held: tuple[Hold, ...]
    wanted: Hold


@dataclass(frozen=True)
class Thread:
    """A thread but the main one, whose number is 0.

    created, joined: when; joined is 0 where it was not. creator, joiner: by which thread. routine, site: what it was
    started with, and where, from the program's beginning.
    """

    created: int
    creator: int
    routine: int
    site: int
    joined: int
    joiner: int


@dataclass(frozen=True)
class Record:
    """All that was recorded.

    waits: by calls that can block for ever; tries: locks that were taken by one that gives up, as waits.
    bias: where the program lay in memory. addresses: of locks, by their numbers. written: those locks with writers
    first that somebody took for writing. lost: how much there was no room for. taken: how often a lock was taken at
    each site, semaphores among them.
    """

    bias: int
    waits: tuple[Wait, ...]
    threads: dict[int, Thread]
    addresses: dict[int, int] = field(default_factory=dict)
    written: frozenset[int] = frozenset()
    lost: int = 0
    taken: dict[int, int] = field(default_factory=dict)
    tries: tuple[Wait, ...] = ()


@dataclass(frozen=True)
class _Node:
    before: int
    hold: Hold
    exclusive: bool


def read(path: Path) -> Record:
    """The record so far. Trouble where there is none, or where it was damaged."""
    try:
        data = written.beginning(path, _AT + _SIZE)[_AT:]
    except OSError as error:
        words = _("the shim's record of locks cannot be read: {why}")
        raise Trouble(words.format(why=error)) from error
    try:
        return _parse(data)
    except (ValueError, struct.error) as error:
        words = _("{path} does not hold the shim's record of locks")
        raise Trouble(words.format(path=path)) from error


def _parse(data: bytes) -> Record:
    """The record in these bytes. ValueError where they hold no record."""
    if len(data) != _SIZE:
        raise ValueError("its size")
    magic, version, bias, _now, lost, locks, nodes, waits, _unused = _HEAD.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        raise ValueError("its beginning")
    at = _HEAD.size
    threads = _threads(data[at : at + _THREADS * _THREAD.size])
    at += _THREADS * _THREAD.size
    addresses = {n: entry[0] for n, entry in _entries(data, at, locks, _LOCKS)}
    at += _LOCKS * _ENTRY.size
    paths = _nodes(_entries(data, at, nodes, _NODES), addresses)
    at += _NODES * _ENTRY.size
    found = tuple(_wait(entry, paths) for _n, entry in _entries(data, at, waits, _WAITS))
    written_ = {n.hold.lock for n in paths.values() if n.exclusive and n.hold.writers_first}
    taken = {site: times for site, times in _SITE.iter_unpack(data[_BEFORE_SITES:]) if site}
    tries = tuple(wait for wait in found if wait.wanted.tried)
    waits_ = tuple(wait for wait in found if not wait.wanted.tried)
    return Record(bias, waits_, threads, addresses, frozenset(written_), lost, taken, tries)


def _threads(data: bytes) -> dict[int, Thread]:
    found = {}
    for number, words in enumerate(_THREAD.iter_unpack(data)):
        created, joined, routine, site, creator, joiner = words
        if created:
            found[number] = Thread(created, creator, routine, site, joined, joiner)
    return found


def _entries(
    data: bytes, at: int, used: int, size: int
) -> list[tuple[int, tuple[int, int, int, int, int]]]:
    """The entries of a table with their numbers; those that a thread was about to fill in are left out."""
    if used >= size:
        raise ValueError("more entries than there is room for")
    part = data[at + _ENTRY.size : at + (used + 1) * _ENTRY.size]
    return [
        (number, (a, b, when, next_, unused))
        for number, (a, b, when, next_, unused) in enumerate(_ENTRY.iter_unpack(part), 1)
        if when
    ]


def _nodes(
    entries: list[tuple[int, tuple[int, int, int, int, int]]], addresses: dict[int, int]
) -> dict[int, _Node]:
    """The nodes by number; each comes after the one before it."""
    found: dict[int, _Node] = {}
    for number, (a, b, _when, _next, _unused) in entries:
        how, before, lock = a >> 32, b >> 32, b & _LOW
        if lock not in addresses or (before and before not in found):
            raise ValueError("a node of nothing")
        flags = bool(how & _WRITERS_FIRST), bool(how & _TRIED)
        hold = Hold(lock, bool(how & _SHARED), a & _LOW, *flags)
        found[number] = _Node(before, hold, not how & _SHARED)
    return found


def _wait(entry: tuple[int, int, int, int, int], nodes: dict[int, _Node]) -> Wait:
    a, _segment, when, _next, _unused = entry
    number, thread = a >> 32, a & _LOW
    if number not in nodes:
        raise ValueError("a wait for nothing")
    path = []
    while number:
        path.append(nodes[number].hold)
        number = nodes[number].before
    wanted, *held = path
    return Wait(thread, when, tuple(reversed(held)), wanted)
