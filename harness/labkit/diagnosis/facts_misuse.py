"""What a program's calls show of clients given up, and of threads and locks that were misused."""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from labkit.diagnosis.facts import (
    CONDITIONS,
    JOINS,
    LOCKS,
    POLLS,
    READS,
    SENDS,
    TIMED,
    UNLOCKS,
    Evidence,
    Fact,
)
from labkit.ground.words import _

if TYPE_CHECKING:
    from labkit.hang.calls import Event

_DETACHES = frozenset({"pthread_detach", "thrd_detach"})
_SIGNALS = frozenset(
    {"pthread_cond_signal", "pthread_cond_broadcast", "cnd_signal", "cnd_broadcast"}
)


def gave_up(evidence: Evidence) -> Iterator[Fact]:
    """A thread ends a connection because no bytes could be moved at that moment: EAGAIN is the last it heard of it.

    Where such a call has failed before and was only tried again, or waited for, EAGAIN is no reason for an end.
    """
    words = _(
        "{who} ends a connection{where}, after {call}{there} had failed with EAGAIN: there {why}"
    )
    nothing, no_room = _("was nothing to read yet"), _("was no room to write yet")
    ends, borne = _after_eagain(evidence)
    for before, event in ends:
        if (before.call, before.site) not in borne:
            told = words.format(
                who=evidence.who(event.thread),
                where=evidence.where(event),
                call=before.call,
                there=evidence.where(before),
                why=nothing if before.call in READS else no_room,
            )
            yield Fact("gave-up", told)


def _after_eagain(evidence: Evidence) -> tuple[list[tuple[Event, Event]], set[tuple[str, int]]]:
    """Calls that failed with EAGAIN with the close that came next, and the calls and sites where the client was kept."""
    ends: list[tuple[Event, Event]] = []
    borne: set[tuple[str, int]] = set()
    for calls in evidence.calls.values():
        failed: dict[int, Event] = {}
        for event in calls:
            if event.call in POLLS:
                borne |= {(e.call, e.site) for e in failed.values()}
                failed.clear()
            elif event.call in READS | SENDS and event.ended is not None:
                before = failed.pop(event.fd, None)
                borne |= {(before.call, before.site)} if before else set()
                if event.error == errno.EAGAIN:
                    failed[event.fd] = event
            elif event.call in ("close", "shutdown") and not event.error and event.fd in failed:
                ends.append((failed.pop(event.fd), event))
    return ends, borne


def cancelled(evidence: Evidence) -> Iterator[Fact]:
    """A thread was cancelled and has ended inside a call: what stands behind that call was not done."""
    words = _("{who} cancelled {other}{where}, which ended inside {call}{there}")
    for event in evidence.of_all():
        if event.call != "pthread_cancel" or event.error or event.object in evidence.inside:
            continue
        left = [e for e in evidence.calls.get(event.object, ()) if e.ended is None]
        if left:
            told = words.format(
                who=evidence.who(event.thread),
                other=evidence.who(event.object),
                where=evidence.where(event),
                call=left[-1].call,
                there=evidence.where(left[-1]),
            )
            yield Fact("cancelled", told)
            return


def joined_detached(evidence: Evidence) -> Iterator[Fact]:
    """A thread is joined that somebody detaches."""
    detached = {e.object: e for e in evidence.of_all() if e.call in _DETACHES and not e.error}
    for event in evidence.of_all():
        other = detached.get(event.object)
        if event.call in JOINS and other and not event.error:
            words = _("{who} calls {call}{where} for {joined}, which {other} detached{there}")
            told = words.format(
                who=evidence.who(event.thread),
                call=event.call,
                where=evidence.where(event),
                joined=evidence.who(event.object),
                other=evidence.who(other.thread),
                there=evidence.where(other),
            )
            yield Fact("joined-detached", told)
            return


def own_copy(evidence: Evidence) -> Iterator[Fact]:
    """A thread waits for a lock on its own stack that no thread holds: a copy, or no lock at all."""
    users: dict[int, set[int]] = {}
    for event in evidence.of_all():
        if event.call in LOCKS:
            users.setdefault(event.object, set()).add(event.thread)
    waiting: dict[int, list[int]] = {}
    for event in evidence.now():
        mine = evidence.on_stack(event.thread, event.object) and event.object not in evidence.held
        if event.call in LOCKS and mine and users.get(event.object) == {event.thread}:
            waiting.setdefault(event.site, []).append(event.thread)
    for site, threads in waiting.items():
        words = _(
            "{who} waits{where} for a lock that lies on its own stack, and that no thread has taken: it was copied"
            " from one that was held, or never initialised"
        )
        yield Fact("own-copy", words.format(who=evidence.whos(threads), where=evidence.there(site)))


def other_mutex(evidence: Evidence) -> Iterator[Fact]:
    """A thread waits for a condition with one lock, and who signals it holds another one and never takes the first."""
    for wait in evidence.now():
        if wait.call not in CONDITIONS | TIMED:
            continue
        lock = _last_taken(evidence.calls.get(wait.thread, ()), wait)
        signals = [e for e in evidence.of_all() if e.call in _SIGNALS and e.object == wait.object]
        held = [(e, _last_taken(evidence.calls[e.thread], e)) for e in signals]
        if lock is None or not held:
            continue
        if all(other and not _takes(evidence, e.thread, lock.object) for e, other in held):
            signal, other = held[-1]
            words = _(
                "{who} waits in {call}{where} with the lock that it took{taken}; {other} signals the condition{there}"
                " with another lock, taken{its}, and never takes the first"
            )
            told = words.format(
                who=evidence.who(wait.thread),
                call=wait.call,
                where=evidence.where(wait),
                taken=evidence.where(lock),
                other=evidence.who(signal.thread),
                there=evidence.where(signal),
                its=evidence.where(other) if other else "",
            )
            yield Fact("other-mutex", told)


def _takes(evidence: Evidence, thread: int, lock: int) -> bool:
    """Whether a thread has taken a lock, as far as is known."""
    return any(e.call in LOCKS and e.object == lock for e in evidence.calls[thread])


def _last_taken(calls: Iterable[Event], before: Event) -> Event | None:
    """The lock that a thread took last, of those that it still had when a call of its own began."""
    taken: dict[int, Event] = {}
    for event in calls:
        if event.began > before.began:
            break
        if event.call in LOCKS and event.ended is not None and not event.error:
            taken.pop(event.object, None)
            taken[event.object] = event
        elif event.call in UNLOCKS:
            taken.pop(event.object, None)
    return list(taken.values())[-1] if taken else None


def kept_semaphore(evidence: Evidence) -> Iterator[Fact]:
    """Threads wait for a semaphore that serves as a lock, and none of those that live has it."""
    waiting: dict[int, list[Event]] = {}
    for event in evidence.now():
        if event.call == "sem_wait":
            waiting.setdefault(event.object, []).append(event)
    for semaphore, waits in waiting.items():
        last, as_lock = _users(evidence, semaphore)
        living = {thread for thread, call in last.items() if thread in evidence.inside}
        asleep = {event.thread for event in waits}
        if as_lock and not any(last[t] == "sem_wait" for t in living - asleep):
            words = _(
                "{who} waits in sem_wait{where}; each sem_post is by a thread that had taken the semaphore itself, and"
                " none of the others has it now: somebody has left without sem_post"
            )
            who = evidence.whos([event.thread for event in waits])
            yield Fact("kept-semaphore", words.format(who=who, where=evidence.where(waits[0])))


def _users(evidence: Evidence, semaphore: int) -> tuple[dict[int, str], bool]:
    """What each thread did last to a semaphore; whether only those post it who have taken it."""
    last: dict[int, str] = {}
    posts = foreign = 0
    for number, calls in evidence.calls.items():
        for event in calls:
            if event.object != semaphore or event.ended is None or event.error:
                continue
            if event.call == "sem_post":
                posts += 1
                foreign += last.get(number) != "sem_wait"
            if event.call in ("sem_wait", "sem_post"):
                last[number] = event.call
    return last, posts > 0 and not foreign


def unsafe_handler(evidence: Evidence) -> Iterator[Fact]:
    """A signal handler calls what signal-safety(7) does not list, and its signal can come amid such a call."""
    found = evidence.unsafe
    if found:
        words = _(
            "a handler of {signal} calls {call}{where}. The signal can come amid {met}{there}, since the thread that"
            " calls it does not block it there: signal-safety(7) lists neither"
        )
        told = words.format(
            signal=_signal_name(found.signal),
            call=found.call,
            where=evidence.there(found.site),
            met=found.met,
            there=evidence.there(found.met_site),
        )
        yield Fact("unsafe-handler", told)


def stuck_in_handler(evidence: Evidence) -> Iterator[Fact]:
    """A thread waits for ever in a call that a signal handler has made."""
    found = evidence.unsafe
    for event in evidence.now():
        if found and (event.call, event.site) == (found.call, found.site):
            words = _("{who} runs the handler of {signal}, and waits there in {call}{where}")
            told = words.format(
                who=evidence.who(event.thread),
                signal=_signal_name(found.signal),
                call=event.call,
                where=evidence.where(event),
            )
            yield Fact("stuck-in-handler", told)
            return


def _signal_name(number: int) -> str:
    """SIGINT for 2."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return _("signal {n}").format(n=number)
