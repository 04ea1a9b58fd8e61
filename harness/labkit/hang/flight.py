"""Reads the flight recorder: what each thread of a program has called, with what result, when and from which line.

Its form is `struct shim_flight` of harness/native/perturb_flight.h, behind the counters and the record of locks in the
file that PERTURB_STATS names. It is shared memory: it can be read while the program runs, and it outlives the
program however that ends. The program can write it, too, so nothing in it is believed that does not fit.
"""

from __future__ import annotations

import bisect
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from labkit.box import addresses
from labkit.box.symbols import Runner
from labkit.ground import written
from labkit.ground.faults import Trouble
from labkit.ground.stacks import Frame
from labkit.ground.words import _
from labkit.hang.calls import Event, Flight, Held, Life, Number, Unsafe, order

_AT = 1392640  # SHIM_FLIGHT_AT
# magic, version, bias, threads without a place, the shim's own, timers; what a handler called, and could meet
_HEAD = struct.Struct("=8Q")
_NAME = struct.Struct("=28s")
_OWNER = struct.Struct("=Q")
_NUMBER = struct.Struct("=2Q4I2B14x")
_LIFE = struct.Struct("=7Q6I")  # then the locks that are held, the last failure, and the last calls
_HELD = struct.Struct("=QII")
_EVENT = struct.Struct("=Ii3Q2qIIiBBH")
_CREATED = struct.Struct("=Q")
_NAMES, _RINGS, _NUMBERS, _LIVES = 192, 1088, 4096, 10240
_LONG, _LONG_SIZES, _SHORT_SIZES = 64, (512, 256), (64, 32)
_MOST_HELD, _LIFE_BYTES, _LAST = 6, 512, 2
_OWNERS_AT = 64 + _NAMES * _NAME.size
_NUMBERS_AT = _OWNERS_AT + _RINGS * _OWNER.size
_LIVES_AT = _NUMBERS_AT + _NUMBERS * _NUMBER.size
_CREATED_AT = _LIFE.size + _MOST_HELD * _HELD.size + (1 + 2 * _LAST) * _EVENT.size
_EVENTS_AT = _LIVES_AT + _LIVES * _LIFE_BYTES
_EVENTS = _LONG * sum(_LONG_SIZES) + (_RINGS - _LONG) * sum(_SHORT_SIZES)
_SIZE = _EVENTS_AT + _EVENTS * _EVENT.size
_MAGIC = int.from_bytes(b"FLIGHT", "big")
_VERSION = 1
_DEAD = 1 << 63
_LOW = (1 << 32) - 1
_NS = 1e9
# Calls whose object is a thread, by its number or, where the shim did not know that, by its pthread_t.
_ABOUT_THREADS = re.compile(
    r"(pthread_(join|\w+join_np|detach|kill|cancel|sigqueue)|thrd_(join|detach))$"
)


def read(path: Path) -> Flight:
    """What was recorded so far. Trouble where there is no such record, or where it was damaged."""
    try:
        data = written.content(path)
        # A ring that was given to another thread while it was read is nobody's.
        again = written.beginning(path, _AT + _NUMBERS_AT)[_AT + _OWNERS_AT :]
    except OSError as error:
        words = _("the flight recorder cannot be read: {why}")
        raise Trouble(words.format(why=error)) from error
    try:
        return _Reader(data[_AT:], again).flight()
    except (ValueError, struct.error) as error:
        raise _misfit(path) from error


def timers(path: Path) -> int:
    """How often a program has set a timer so far, of any kind; Trouble where there is no record."""
    data = written.beginning(path, _AT + _HEAD.size)[_AT:]
    if len(data) < _HEAD.size:
        raise _misfit(path)
    magic, version, _bias, _unrecorded, _cursor, count, *_unsafe = _HEAD.unpack(data)
    if (magic, version) != (_MAGIC, _VERSION):
        raise _misfit(path)
    return int(count)


def _misfit(path: Path) -> Trouble:
    words = _("{path} does not hold what the flight recorder writes")
    return Trouble(words.format(path=path))


def lines(flight: Flight, program: Path, run: Runner) -> Callable[[int], tuple[Frame, ...]]:
    """Where a site of the recorder lies in the source: the calls that the compiler put there, innermost first.

    program: the file that was run; run: what looks into it.
    """
    sites = {event.site for events in flight.events.values() for event in events}
    sites |= {life.failed.site for life in flight.lives.values() if life.failed}
    sites |= {life.site for life in flight.lives.values()}
    sites |= {held.site for life in flight.lives.values() for held in life.held}
    sites |= {flight.unsafe.site, flight.unsafe.met_site} if flight.unsafe else set()
    sites |= {s for n in flight.numbers.values() for s in (n.open_site, n.close_site)}
    # A site is where a call returns to: the call itself lies before.
    routines = {life.routine for life in flight.lives.values() if life.routine}
    frames = addresses.lines(program, {site - 1 for site in sites if site} | routines, run)
    return lambda site: frames.get(site - 1, frames.get(site, ())) if site else ()


class _Reader:
    """What is in the recorder's bytes. ValueError and struct.error where they are none of its."""

    def __init__(self, data: bytes, owners: bytes) -> None:
        if len(data) < _SIZE:
            raise ValueError("its size")
        magic, version, *words = _HEAD.unpack_from(data)
        if (magic, version) != (_MAGIC, _VERSION):
            raise ValueError("its beginning")
        self.bias, self.unrecorded, _cursor, self.timers, *self.unsafe = words
        self.data = data
        names = _NAME.iter_unpack(data[64:_OWNERS_AT])
        self.names = [_name(word) for (word,) in names]
        first = _owners(data[_OWNERS_AT:_NUMBERS_AT])
        self.owners = [a if a == b else 0 for a, b in zip(first, _owners(owners))]

    def flight(self) -> Flight:
        lives: dict[int, Life] = {}
        events: dict[int, tuple[Event, ...]] = {}
        inside: dict[int, Event] = {}
        for at in range(_LIVES_AT, _EVENTS_AT, _LIFE_BYTES):
            if not any(self.data[at : at + 8]):
                continue
            life, calls, current = self._life(at)
            lives[life.number], events[life.number] = life, calls
            if current:
                inside[life.number] = current
        found = Flight(
            events, lives, inside, self._numbers(), self.unrecorded, self.bias, self.timers
        )
        return replace(_with_numbers_of_threads(found), unsafe=self._unsafe())

    def _unsafe(self) -> Unsafe | None:
        """The first unsafe call of a handler."""
        call, met = self.unsafe
        if not call:
            return None
        names = [self._named(word >> 8 & 0xFF) for word in (call, met)]
        return Unsafe(call & 0xFF, names[0], call >> 32, names[1], met >> 32)

    def _life(self, at: int) -> tuple[Life, tuple[Event, ...], Event | None]:
        owner, handle, began, ended, used, locks, now, *rest = _LIFE.unpack_from(self.data, at)
        tid, ring, creator, site, routine, depth = rest
        thread = (owner & ~_DEAD) - 1
        if not 0 <= thread <= _LOW:
            raise ValueError("a thread's number")
        held_at = at + _LIFE.size
        held = _HELD.iter_unpack(self.data[held_at : held_at + _MOST_HELD * _HELD.size])
        failed_at = held_at + _MOST_HELD * _HELD.size
        rings = self._rings(ring, owner & ~_DEAD, failed_at + _EVENT.size)
        found: dict[tuple[int, int], Event] = {}
        for kind, (start, size) in enumerate(rings):
            last = (used, locks)[kind]
            for seq, event in self._events(start, size, last, thread):
                found[kind, seq] = event
        (created,) = _CREATED.unpack_from(self.data, at + _CREATED_AT)
        failed = self._event(self.data[failed_at : failed_at + _EVENT.size], thread)
        current = found.get((now >> 32, now & _LOW)) if not owner & _DEAD else None
        if current and current.ended is not None:
            current = None  # it has just ended
        alive = not owner & _DEAD
        life = Life(
            thread,
            tid,
            handle,
            began / _NS,
            None if alive else ended / _NS,
            creator,
            site,
            routine,
            created / _NS,
            tuple(Held(lock, where) for lock, where, _how in list(held)[:depth]) if alive else (),
            max(0, used + locks - len(found)),
            failed[1] if failed and failed[1].error else None,
        )
        return life, tuple(sorted(found.values(), key=order)), current

    def _rings(self, ring: int, owner: int, last_at: int) -> list[tuple[int, int]]:
        """Where the events of each kind lie, and how many they can be."""
        if not ring:
            return [(last_at, _LAST), (last_at + _LAST * _EVENT.size, _LAST)]
        if ring > _RINGS:
            raise ValueError("a ring's number")
        if self.owners[ring - 1] != owner:
            return []  # its thread has ended, and it is another's by now
        before = min(ring - 1, _LONG) * sum(_LONG_SIZES)
        before += max(ring - 1 - _LONG, 0) * sum(_SHORT_SIZES)
        at = _EVENTS_AT + before * _EVENT.size
        events, locks = _LONG_SIZES if ring <= _LONG else _SHORT_SIZES
        return [(at, events), (at + events * _EVENT.size, locks)]

    def _events(self, at: int, size: int, last: int, thread: int) -> Iterator[tuple[int, Event]]:
        """The events of a ring whose last one has the number `last`; what is being written is left out."""
        used = min(last, size) * _EVENT.size
        part = self.data[at : at + (size * _EVENT.size if last > size else used)]
        for i in range(0, len(part), _EVENT.size):
            found = self._event(part[i : i + _EVENT.size], thread)
            if not found:
                continue
            seq, event = found
            if (seq - 1) % size == i // _EVENT.size and (last - seq) & _LOW < size:
                yield seq, event

    def _event(self, data: bytes, thread: int) -> tuple[int, Event] | None:
        """An event with its number; None where there is none, or where it was being written."""
        (
            seq,
            detail,
            began,
            ended,
            object_,
            result,
            asked,
            site,
            repeats,
            fd,
            call,
            error,
            check,
        ) = _EVENT.unpack(data)
        if not seq or check != (2 * seq + 1) & 0xFFFF or not began:
            return None
        name = self._named(call)
        times = began / _NS, ended / _NS if ended else None
        return seq, Event(
            thread, name, fd, object_, result, error, *times, site, repeats, asked, detail
        )

    def _named(self, call: int) -> str:
        if call >= len(self.names) or not self.names[call]:
            raise ValueError("a call's number")
        return self.names[call]

    def _numbers(self) -> dict[int, Number]:
        found = {}
        part = self.data[_NUMBERS_AT:_LIVES_AT]
        for fd, words in enumerate(_NUMBER.iter_unpack(part)):
            opened, closed, opener, closer, open_site, close_site, open_call, close_call = words
            if opened or closed:
                names = self._named(open_call), self._named(close_call)
                found[fd] = Number(
                    opened / _NS,
                    opener,
                    names[0] if opened else "",
                    open_site,
                    closed / _NS,
                    closer,
                    names[1] if closed else "",
                    close_site,
                )
        return found


def _name(word: bytes) -> str:
    name = word.partition(b"\0")[0].decode("ascii", "strict")
    if not re.fullmatch(r"\w*", name, re.ASCII):
        raise ValueError("a call's name")
    return name


def _owners(data: bytes) -> list[int]:
    return [owner & ~_DEAD for (owner,) in _OWNER.iter_unpack(data)]


def _with_numbers_of_threads(flight: Flight) -> Flight:
    """The same, where calls about threads name them by number: the shim may not have known it then."""
    by_handle: dict[int, list[Life]] = {}
    for life in sorted(flight.lives.values(), key=lambda life: life.created):
        by_handle.setdefault(life.handle, []).append(life)

    def resolved(event: Event) -> Event:
        if event.object <= _LOW or not _ABOUT_THREADS.match(event.call):
            return event
        bearers = by_handle.get(event.object, [])
        # A pthread_t is given again, but not before its bearer is joined: the last one that was created.
        place = bisect.bisect_right([life.created for life in bearers], event.began)
        return replace(event, object=bearers[place - 1].number if place else 0)

    def all_of(events: Iterable[Event]) -> tuple[Event, ...]:
        return tuple(map(resolved, events))

    return replace(
        flight,
        events={thread: all_of(events) for thread, events in flight.events.items()},
        inside={thread: resolved(event) for thread, event in flight.inside.items()},
    )
