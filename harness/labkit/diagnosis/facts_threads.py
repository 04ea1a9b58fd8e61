"""What a program's threads show: who waits for whom, who never waits, and locks that keep nobody out."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from labkit.diagnosis.facts import (
    Evidence,
    Fact,
    READS,
    SENDS,
    ACCEPTS,
    POLLS,
    JOINS,
    LOCKS,
    READ_LOCKS,
    INITS,
    PAUSES,
    TIMED,
    SLOW,
    OFTEN,
    AT_ONCE_SECONDS,
    error_name,
    times,
)
from labkit.ground.words import _, ngettext

if TYPE_CHECKING:
    from labkit.hang.calls import Event

# Why accept fails, and may succeed the next time.
PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ECONNABORTED})
TRIES = frozenset({"pthread_mutex_trylock", "pthread_tryjoin_np", "sem_trywait", "mtx_trylock"})

# -- what does not go on -------------------------------------------------------------------------------


def behind_a_sleeper(evidence: Evidence) -> Iterator[Fact]:
    """A thread waits for a lock whose holder sleeps in a call that takes as long as somebody else likes."""
    waiting: dict[int, list[Event]] = {}
    for event in evidence.now():
        holder, _site = evidence.held.get(event.object, (event.thread, 0))
        if event.call in LOCKS | READ_LOCKS and holder != event.thread:
            waiting.setdefault(event.object, []).append(event)
    for lock, sleepers in waiting.items():
        holder, site = evidence.held[lock]
        inside = evidence.inside.get(holder)
        if inside is None or inside.call not in SLOW | PAUSES:
            continue
        words = _(
            "{who} waits for a lock in {call}{where}; {holder} took it{taken} and sleeps in {slow}{there} with it"
        )
        yield Fact(
            "behind-a-sleeper",
            words.format(
                who=evidence.whos([event.thread for event in sleepers]),
                call=sleepers[0].call,
                where=evidence.where(sleepers[0]),
                holder=evidence.who(holder),
                taken=evidence.there(site),
                slow=inside.call,
                there=evidence.where(inside),
            ),
        )


def lock_waits(evidence: Evidence) -> Iterator[Fact]:
    """Threads that wait for a lock; or that nobody does, where it is known of all what they wait for."""
    waiting = [e for e in evidence.now() if "lock" in e.call or "sem_" in e.call]
    if waiting:
        first = waiting[0]
        words = _("{who} waits in {call}{where}")
        who, where = evidence.whos([e.thread for e in waiting]), evidence.where(first)
        yield Fact("lock-wait", words.format(who=who, call=first.call, where=where))
    elif evidence.silent and evidence.inside and evidence.whole:
        if all(e.call in READS | ACCEPTS | POLLS | JOINS | PAUSES for e in evidence.now()):
            yield Fact("no-lock-wait", "")


def endless_join(evidence: Evidence) -> Iterator[Fact]:
    """A thread joins another one, which itself waits for something."""
    for event in evidence.now():
        if event.call not in JOINS:
            continue
        other = evidence.inside.get(event.object)
        if event.object == event.thread or other is None or other.call in PAUSES:
            continue
        words = _("{who} waits in {call}{where} for {other}, which waits in {slow}{there}")
        yield Fact(
            "endless-join",
            words.format(
                who=evidence.who(event.thread),
                call=event.call,
                where=evidence.where(event),
                other=evidence.who(event.object),
                slow=other.call,
                there=evidence.where(other),
            ),
        )


def accepter_sleeps(evidence: Evidence) -> Iterator[Fact]:
    """The only thread that accepts sleeps in a call that takes as long as one client likes."""
    accepts = {event.thread for event in evidence.of_all() if event.call in ACCEPTS}
    for event in evidence.now():
        if len(evidence.calls) < 2 or accepts != {event.thread}:
            continue
        if event.call not in READS and not (evidence.queue and event.call in SENDS | JOINS):
            continue
        if not evidence.queue:
            words = _("{who}, the only one that accepts clients, sleeps in {call}{where}")
            who, where = evidence.who(event.thread), evidence.where(event)
            yield Fact("accepter-sleeps", words.format(who=who, call=event.call, where=where))
            continue
        words = ngettext(
            "{who}, the only one that accepts clients, sleeps in {call}{where}; meanwhile {n} client waits to be"
            " accepted",
            "{who}, the only one that accepts clients, sleeps in {call}{where}; meanwhile {n} clients wait to be"
            " accepted",
            evidence.queue,
        )
        who, where = evidence.who(event.thread), evidence.where(event)
        told = words.format(who=who, call=event.call, where=where, n=evidence.queue)
        yield Fact("accepter-sleeps", told)


def accepter_gone(evidence: Evidence) -> Iterator[Fact]:
    """The thread that accepted last has ended after an accept that failed for a passing reason."""
    accepts = [event for event in evidence.of_all() if event.call in ACCEPTS]
    if not accepts:
        return
    last = max(accepts, key=lambda event: (event.ended is None, event.ended or 0.0))
    later = [event for event in evidence.calls[last.thread] if event.began >= (last.ended or 0.0)]
    went_on = any(event.call in POLLS | PAUSES for event in later)
    if last.error not in PASSING or last.thread not in evidence.ended or went_on:
        return
    words = _(
        "{call}{where} failed with {error} ({why}), and {who} ended: nobody accepts clients any more"
    )
    told = words.format(
        call=last.call,
        where=evidence.where(last),
        error=error_name(last.error),
        why=os.strerror(last.error),
        who=evidence.who(last.thread),
    )
    yield Fact("accepter-gone", told)


def of_locks(evidence: Evidence) -> Iterator[Fact]:
    """What the locks themselves show of threads that wait; the stacks say the rest."""
    if evidence.stuck:
        yield Fact(evidence.stuck, "")


def of_end(evidence: Evidence) -> Iterator[Fact]:
    """An end that nobody asked for."""
    if evidence.end:
        yield Fact(evidence.end, "")


def spinning(evidence: Evidence) -> Iterator[Fact]:
    """A thread that uses the CPU all the time while the program should wait."""
    for busy in evidence.busy or ():
        place = _(" at {place}").format(place=busy.place) if busy.place else ""
        words = _("{who} runs{where} all the time: it used {n}% of a CPU while it was looked at")
        yield Fact("spins", words.format(who=busy.who, where=place, n=round(100 * busy.share)))


def repeated(evidence: Evidence) -> Iterator[Fact]:
    """The same call from the same place, one that waits or tries, that comes back at once, very often."""
    for number, calls in evidence.calls.items():
        for event in calls:
            if event.repeats < 50 * OFTEN or event.ended is None:
                continue
            each = (event.ended - event.began) / event.repeats
            vain = event.call in POLLS | TIMED | PAUSES | TRIES or event.error
            if each >= AT_ONCE_SECONDS or not vain or event.result > 0 and event.call in READS:
                continue
            if _moves_bytes(calls, event):
                continue
            result = error_name(event.error) if event.error else str(event.result)
            words = _(
                "{who} calls {call}{where} again and again, {times} in a row: it gives {result}"
            )
            yield Fact(
                "calls-again",
                words.format(
                    who=evidence.who(number),
                    call=event.call,
                    where=evidence.where(event),
                    times=times(event.repeats),
                    result=result,
                ),
            )


def _moves_bytes(calls: Iterable[Event], event: Event) -> bool:
    """Whether a thread got or sent something, or took connections, between the calls that one event stands for."""
    return any(
        other.result > 0
        and other.call in READS | SENDS | ACCEPTS
        and other.ended is not None
        and event.ended is not None
        and other.began < event.ended
        and other.ended > event.began
        for other in calls
    )


# -- locks that guard nothing --------------------------------------------------------------------------


def made_again(evidence: Evidence) -> Iterator[Fact]:
    """A lock that is initialised again after it was used, without having been destroyed."""
    used: dict[int, Event] = {}
    told: set[int] = set()
    events = sorted(evidence.of_all(), key=lambda event: event.began)
    for event in events:
        if event.call in ("pthread_mutex_destroy", "pthread_rwlock_destroy", "mtx_destroy"):
            used.pop(event.object, None)
        elif event.call in INITS and not event.error:
            before, name = used.get(event.object), evidence.variable(event.object)
            # Memory that was freed can hold a new lock; a variable is always the same one.
            if before and name and event.thread and event.site not in told:
                told.add(event.site)
                words = _(
                    "{who} calls {call}{where} for the lock in '{name}', which is in use: {other} {did}{there} before"
                )
                did = _("initialised it") if before.call in INITS else _("took it")
                yield Fact(
                    "lock-made-again",
                    words.format(
                        who=evidence.who(event.thread),
                        call=event.call,
                        where=evidence.where(event),
                        name=name,
                        other=evidence.who(before.thread),
                        did=did,
                        there=evidence.where(before),
                    ),
                )
            used[event.object] = event
        elif event.call in LOCKS and not event.error:
            used.setdefault(event.object, event)


def locks_apart(evidence: Evidence) -> Iterator[Fact]:
    """Threads that take a lock in the same line, each one on its own stack, which no other thread ever takes."""
    users: dict[int, set[int]] = {}
    sites: dict[int, dict[int, Event]] = {}
    for event in evidence.of_all():
        if event.call in LOCKS and event.site:
            users.setdefault(event.object, set()).add(event.thread)
            if evidence.on_stack(event.thread, event.object):
                sites.setdefault(event.site, {}).setdefault(event.object, event)
    for site, locks in sites.items():
        apart = {event.thread: event for lock, event in locks.items() if len(users[lock]) == 1}
        if len(apart) < 2:
            continue
        words = _(
            "{call}{where} takes a lock that lies on the stack of its own thread: {n} threads, {n} locks, and none of"
            " them keeps anybody out"
        )
        call = next(iter(apart.values())).call
        told = words.format(call=call, where=evidence.there(site), n=len(apart))
        yield Fact("locks-apart", told)
