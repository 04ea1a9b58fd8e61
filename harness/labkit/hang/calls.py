"""What the flight recorder has of a program, in the forms in which it is read: its threads, their calls, its descriptors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """One call, or several that were the same one after another.

    thread: 0 is main, others count in the order of their creation. fd: -1 is none. object: the address of a lock or a
    condition, another thread's number for a join and its kin; 0 is none. result: what it returned, of a C11 or a
    pthread function its error. error: an errno, 0 where the call succeeded. began, ended: seconds of CLOCK_MONOTONIC,
    of the first time and of the last one; ended is None while it is still inside, or where it was left by a longjmp
    or by the thread's end. site: the offset in the program that it returns to, 0 where it is not known. repeats: how
    many times in a row the same call from the same site had the same result; where up to four calls are done again
    and again, how many rounds.
    asked: bytes that were to be moved, or the time that it may wait for in nanoseconds, -1: for ever. detail: a
    signal, an option, flags, a clock.
    """

    thread: int
    call: str
    fd: int
    object: int
    result: int
    error: int
    began: float
    ended: float | None
    site: int
    repeats: int = 1
    asked: int = 0
    detail: int = 0


@dataclass(frozen=True)
class Held:
    """A lock that a thread has at this moment, or had when the program was ended. site: where it was taken."""

    lock: int
    site: int


@dataclass(frozen=True)
class Life:
    """A thread. tid: the kernel's number, in the program's own namespace. handle: its pthread_t.

    created: when its creator asked for it; began: when it ran; ended: None while it lives. creator: the thread that started it, at `site`; routine: what it runs. Offsets in the
    program, 0 where that is not known. held: in the order in which they were taken. lost: how many of its calls there
    was no room for. failed: its last call that failed.
    """

    number: int
    tid: int
    handle: int
    began: float
    ended: float | None
    creator: int
    site: int
    routine: int
    created: float = 0.0
    held: tuple[Held, ...] = ()
    lost: int = 0
    failed: Event | None = None


@dataclass(frozen=True)
class Number:
    """A descriptor's number: who was the last to open it and who the last to close it, by which call and where.

    0 seconds: it never was. A number that was closed before it was opened last has been given out again.
    """

    opened: float
    opener: int
    open_call: str
    open_site: int
    closed: float
    closer: int
    close_call: str
    close_site: int


@dataclass(frozen=True)
class Unsafe:
    """A call that a handler must not make, made by the handler of a signal that can come amid another such call.

    signal: its number. call, site: what the handler has called, and where. met, met_site: the other one.
    """

    signal: int
    call: str
    site: int
    met: str
    met_site: int


@dataclass(frozen=True)
class Flight:
    """All that was recorded.

    events: of each thread, in the order in which they ended; what has not ended comes last. inside: the call that a
    thread is in. unrecorded: threads that there was no room for at all. bias: where the program lay in memory. timers:
    how often a timer was set, for a socket's patience among them. unsafe: the first unsafe call of a signal handler.
    """

    events: dict[int, tuple[Event, ...]]
    lives: dict[int, Life] = field(default_factory=dict)
    inside: dict[int, Event] = field(default_factory=dict)
    numbers: dict[int, Number] = field(default_factory=dict)
    unrecorded: int = 0
    bias: int = 0
    timers: int = 0
    unsafe: Unsafe | None = None

    def of(self, thread: int) -> tuple[Event, ...]:
        """The calls of a thread."""
        return self.events.get(thread, ())

    def now(self, thread: int) -> Event | None:
        """The call that a living thread is in; None where it is in none of those that are recorded."""
        return self.inside.get(thread)

    def alive(self) -> list[int]:
        """The threads that have not ended."""
        return [number for number, life in self.lives.items() if life.ended is None]

    def lost(self, thread: int) -> int:
        """How many of a thread's calls there was no room for."""
        return self.lives[thread].lost if thread in self.lives else 0

    def last_failed(
        self, call: str | Collection[str] = (), fd: int | None = None, thread: int | None = None
    ) -> Event | None:
        """The last call that failed: of those names, on that descriptor, in that thread; None: there is none."""
        wanted = {call} if isinstance(call, str) else set(call)
        failed = [event for events in self.events.values() for event in events if event.error]
        failed += [life.failed for life in self.lives.values() if life.failed]
        found = [
            event
            for event in failed
            if (not wanted or event.call in wanted)
            and (fd is None or event.fd == fd)
            and (thread is None or event.thread == thread)
        ]
        return max(found, key=order) if found else None

    def on(self, fd: int) -> list[Event]:
        """All calls on a descriptor's number, of all threads, in the order in which they ended."""
        return sorted(
            (e for events in self.events.values() for e in events if e.fd == fd), key=order
        )

    def closed_before(self, event: Event) -> Number | None:
        """Who had closed the number of an event's descriptor before it ended; None: nobody is known."""
        number = self.numbers.get(event.fd)
        if number and 0 < number.closed <= (event.ended or event.began):
            return number
        return None


def order(event: Event) -> tuple[float, float]:
    """By what events are sorted: when they ended, what has not ended last."""
    return (float("inf") if event.ended is None else event.ended, event.began)
