"""Evidence made by hand, for the tests of naming: calls of threads as the flight recorder has them."""

from __future__ import annotations

import errno
from dataclasses import replace

from labkit.diagnosis import facts
from labkit.diagnosis.facts import Evidence
from labkit.hang.calls import Event, Number, Unsafe

MAIN, ANN, BOB = 0, 1, 2
LOCK, OTHER = 0x1000, 0x2000
AGAIN = 5000


def event(thread: int, call: str, fd: int = -1, **more: object) -> Event:
    """A call that took a millisecond, began at `at`, and gave 0; `now`: it is inside."""
    at = float(str(more.pop("at", 1.0)))
    inside = bool(more.pop("now", False))
    words: dict[str, object] = {
        **{"object": 0, "result": 0, "error": 0, "site": 10 + thread, "repeats": 1, "asked": 1},
        **{"began": at, "ended": None if inside else at + 0.001},
        **more,
    }
    return Event(thread=thread, call=call, fd=fd, **words)  # type: ignore[arg-type]


def of(*events: Event, **more: object) -> Evidence:
    """Evidence of these calls, each thread's in the order given; sites are lines."""
    calls: dict[int, list[Event]] = {}
    for one in events:
        calls.setdefault(one.thread, []).append(one)
    inside = {one.thread: one for one in events if one.ended is None}
    held = {
        one.object: (one.thread, one.site)
        for one in events
        if one.call in facts.LOCKS and one.ended
    }
    for one in (o for o in events if o.call in facts.UNLOCKS):
        del held[one.object]
    closes = [one for one in events if one.call == "close"]
    numbers = {o.fd: Number(0, 0, "", 0, o.ended or 0, o.thread, "close", o.site) for o in closes}
    roles = {MAIN: "the main thread", ANN: "thread 2 (ann)", BOB: "thread 3 (bob)"}
    at = lambda site: f"x.c:{site}" if site else ""  # noqa: E731
    evidence = Evidence(calls, inside, held, numbers, at=at, role=roles.__getitem__)
    evidence = replace(evidence, variable={LOCK: "lock"}.get, silent=True)  # type: ignore[arg-type]
    return replace(evidence, **more)  # type: ignore[arg-type]


def fails(thread: int, call: str, error: int, fd: int = -1, **more: object) -> Event:
    return event(thread, call, fd, result=-1, error=error, **more)


def zeros(call: str = "recv", n: int = AGAIN) -> list[Event]:
    """A thread that gets the end of a connection n times in a row."""
    return [event(ANN, call, 5, repeats=n)]


def loop_of_epoll() -> list[Event]:
    """The same by epoll: it says that there is something to read, and that is the end."""
    one = [event(ANN, "epoll_wait", 4, result=1, site=30), event(ANN, "read", 5, site=31)]
    return one * facts.OFTEN


def bulk() -> list[Event]:
    """An event loop that moves bytes from one connection to another as fast as they come."""
    took = {"began": 1.0, "ended": 1.5, "repeats": AGAIN}
    return [
        event(ANN, "epoll_wait", 4, result=1, site=30, **took),
        event(ANN, "recv", 5, result=1024, site=31, **took),
        event(ANN, "send", 6, result=1024, site=32, **took),
    ]


def behind(slow: str) -> list[Event]:
    """A thread waits for a lock; the one that has it sleeps in a call."""
    return [
        event(ANN, "pthread_mutex_lock", object=LOCK, at=1.0, site=20),
        event(ANN, slow, 5, at=2.0, now=True, site=21),
        event(BOB, "pthread_mutex_lock", object=LOCK, at=3.0, now=True, site=20),
    ]


def closed(inside: bool, call: str = "recv") -> list[Event]:
    """A thread closes a descriptor while another one is in a call on it."""
    used = event(ANN, call, 5, at=1.0, now=inside, ended=None if inside else 3.0, site=21)
    return [used, event(MAIN, "close", 5, at=2.0, site=40)]


def timed_out(n: int, seconds: float) -> list[Event]:
    return [
        event(
            ANN,
            "pthread_cond_timedwait",
            object=LOCK,
            result=errno.ETIMEDOUT,
            error=errno.ETIMEDOUT,
            repeats=n,
            began=1.0,
            ended=1.0 + n * seconds,
        )
    ]


def made_again(destroyed: bool = False) -> list[Event]:
    """A thread initialises a lock that another one has taken before."""
    before = [event(ANN, "pthread_mutex_lock", object=LOCK, at=1.0, site=20)]
    end = [event(ANN, "pthread_mutex_destroy", object=LOCK, at=1.5)] if destroyed else []
    return [*before, *end, event(BOB, "pthread_mutex_init", object=LOCK, at=2.0, site=22)]


def apart(second: int) -> list[Event]:
    """Two threads take a lock in the same line."""
    return [
        event(ANN, "pthread_mutex_lock", object=LOCK, site=20),
        event(BOB, "pthread_mutex_lock", object=second, site=20),
    ]


def on_stack(_thread: int, _address: int) -> bool:
    return True


def join(other: str) -> list[Event]:
    return [
        event(MAIN, "pthread_join", object=ANN, now=True, site=50),
        event(ANN, other, 5, now=True, site=21),
    ]


def given_up(call: str, error: int = errno.EAGAIN) -> list[Event]:
    """A thread closes a connection after a call that has failed."""
    return [fails(ANN, call, error, 5, at=1.0), event(ANN, "close", 5, at=2.0, site=23)]


def kept(then: str) -> list[Event]:
    """A thread keeps a client whose bytes could not be moved: it tries again, or waits."""
    return [fails(ANN, "recv", errno.EAGAIN, 6, at=0.5), event(ANN, then, 6, result=1, at=0.6)]


def cancelled() -> list[Event]:
    """Main cancels a thread that is in a call, and closes its descriptor."""
    return [
        event(ANN, "recv", 5, at=1.0, now=True, site=21),
        event(MAIN, "pthread_cancel", object=ANN, at=2.0, site=30),
        event(MAIN, "close", 5, at=3.0, site=40),
    ]


def detached_and_joined() -> list[Event]:
    return [
        event(ANN, "pthread_detach", object=ANN, site=20),
        event(MAIN, "pthread_join", object=ANN, site=50),
    ]


def apart_waits(second: int) -> list[Event]:
    """Main waits for a condition with one lock; another thread signals it and holds the same lock, or another."""
    condition = 0x3000
    return [
        event(ANN, "pthread_mutex_lock", object=second, at=1.0, site=20),
        event(ANN, "pthread_cond_signal", object=condition, at=1.1, site=21),
        event(MAIN, "pthread_mutex_lock", object=LOCK, at=2.0, site=40),
        event(MAIN, "pthread_cond_wait", object=condition, at=2.1, now=True, site=41),
    ]


def semaphore(first: str, at: float = 0.5) -> list[Event]:
    """A thread does something to a semaphore and posts it; another one waits for it."""
    return [
        event(BOB, first, object=LOCK, at=at),
        event(BOB, "sem_post", object=LOCK, at=1.5),
        event(ANN, "sem_wait", object=LOCK, at=2.0, now=True),
    ]


# A handler of SIGTERM that locks in line 41, where main was in the printf of line 42.
HANDLES = Unsafe(15, "pthread_mutex_lock", 41, "printf", 42)


def stuck_in_handler() -> Evidence:
    """Main waits for ever for the lock, in the handler."""
    return of(event(MAIN, "pthread_mutex_lock", object=LOCK, site=41, now=True), unsafe=HANDLES)
