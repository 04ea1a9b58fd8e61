"""What a program's calls show: ends that are ignored, failures that nobody sees, descriptors that are gone."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping, Sequence
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
    TIMED,
    OFTEN,
    AT_ONCE_SECONDS,
    error_name,
    times,
)
from labkit.ground.words import _

if TYPE_CHECKING:
    from labkit.hang.calls import Event

STDIN = 0

# Errors that a correct program meets, by the calls that meet them.
_ANYWHERE = frozenset({errno.EINTR})
_ORDINARY: Sequence[tuple[frozenset[str], frozenset[int]]] = (
    (READS | SENDS | ACCEPTS, frozenset({errno.EAGAIN, errno.ECONNRESET, errno.EPIPE})),
    (ACCEPTS, frozenset({errno.ECONNABORTED})),
    (READS | SENDS, frozenset({errno.ETIMEDOUT})),
    (frozenset({"shutdown"}), frozenset({errno.ENOTCONN})),
    (
        frozenset({"connect"}),
        frozenset(
            {
                *(errno.EINPROGRESS, errno.EALREADY, errno.EISCONN, errno.ECONNREFUSED),
                *(errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNABORTED),
            }
        ),
    ),
    (LOCKS | READ_LOCKS, frozenset({errno.EBUSY, errno.ETIMEDOUT})),
    (JOINS, frozenset({errno.EBUSY, errno.ETIMEDOUT})),
    (TIMED | {"sem_timedwait", "sem_clockwait"}, frozenset({errno.ETIMEDOUT})),
    (frozenset({"sem_trywait"}), frozenset({errno.EAGAIN})),
    (frozenset({"pthread_tryjoin_np", "pthread_spin_trylock"}), frozenset({errno.EBUSY})),
    (frozenset({"epoll_ctl"}), frozenset({errno.ENOENT, errno.EEXIST})),
    (frozenset({"recvmmsg", "sendmmsg", "sendfile", "splice"}), frozenset({errno.EAGAIN})),
    (frozenset({"eventfd_read", "eventfd_write"}), frozenset({errno.EAGAIN})),
    (frozenset({"pthread_kill"}), frozenset({errno.ESRCH})),
)


# -- bytes and their end -------------------------------------------------------------------------------


def end_ignored(evidence: Evidence) -> Iterator[Fact]:
    """A thread reads on where the end has come: recv returns 0 again and again."""
    places: dict[tuple[str, int], dict[int, int]] = {}
    opened = {fd: number.opened for fd, number in evidence.numbers.items()}
    for number, calls in evidence.calls.items():
        mine = [event for event in calls if event.fd != STDIN]
        for (call, site), n in _ends_in_a_row(mine, opened).items():
            if n >= OFTEN:
                places.setdefault((call, site), {})[number] = n
    for (call, site), threads in places.items():
        words = _(
            "{who} calls {call}{where} again and again: {call} returned 0, the end of the connection, {times} in a"
            " row"
        )
        told = words.format(
            who=evidence.whos(list(threads)),
            call=call,
            where=evidence.there(site),
            times=times(max(threads.values())),
        )
        yield Fact("end-ignored", told)


def input_ended(evidence: Evidence) -> Iterator[Fact]:
    """The same of the standard input."""
    for number, calls in evidence.calls.items():
        mine = [event for event in calls if event.fd == STDIN]
        for (call, site), n in _ends_in_a_row(mine, {}).items():
            if n >= OFTEN:
                words = _(
                    "{who} calls {call}{where} again and again: {call} returned 0, the end of the input, {times} in a row"
                )
                where = evidence.there(site)
                told = words.format(
                    who=evidence.who(number), call=call, where=where, times=times(n)
                )
                yield Fact("input-ended", told)


def _ends_in_a_row(
    calls: Sequence[Event], opened: Mapping[int, float]
) -> dict[tuple[str, int], int]:
    """For each call and site that read a connection: how often in a row it gave the end, up to its last time.

    opened: when each descriptor was given out last; what came before was another connection.
    """
    zeros: dict[tuple[str, int], dict[int, int]] = {}
    for event in calls:
        if event.call in READS and event.ended is not None:
            counts = zeros.setdefault((event.call, event.site), {})
            ended = event.result == 0 and not event.error and not _into_nothing(event)
            ended = ended and event.began >= opened.get(event.fd, 0)
            counts[event.fd] = counts.get(event.fd, 0) + event.repeats if ended else 0
        elif event.call == "close":
            for counts in zeros.values():
                counts.pop(event.fd, None)
    return {place: max(counts.values(), default=0) for place, counts in zeros.items()}


def _into_nothing(event: Event) -> bool:
    """Whether a call asked for no bytes, of which it gets 0: a buffer that is full, for one."""
    return event.call in {"recv", "read", "recvfrom"} and event.asked == 0


def closed_on_data(evidence: Evidence) -> Iterator[Fact]:
    """A thread closes a connection after bytes, where neither the end nor an error had come."""
    words = _("{who} closes a connection{where}, after {call}{there} had returned {n}, not 0")
    for number, calls in evidence.calls.items():
        read: dict[int, Event] = {}
        for event in calls:
            if event.call in READS and event.ended is not None:
                read[event.fd] = event
            elif event.call in SENDS and event.error:
                read.pop(event.fd, None)
            elif event.call in ("close", "shutdown") and not event.error:
                before = read.pop(event.fd, None)
                if before and before.result > 0 and not before.error:
                    yield Fact(
                        "closed-on-data",
                        words.format(
                            who=evidence.who(number),
                            where=evidence.where(event),
                            call=before.call,
                            there=evidence.where(before),
                            n=before.result,
                        ),
                    )


# -- calls that failed ---------------------------------------------------------------------------------


def ordinary(event: Event) -> bool:
    """Whether a correct program meets this error in this call."""
    return event.error in _ANYWHERE or any(
        event.call in calls and event.error in errors for calls, errors in _ORDINARY
    )


# Calls that a program makes because it needs what they do.
_NEEDED = re.compile(
    r"socket|bind|listen|accept|connect|recv|read|send|write|close|poll|select|epoll|dup|pipe|rename|ftruncate"
    r"|sleep|pthread|thrd|mtx|cnd|sem_"
)


def _matters(event: Event) -> bool:
    """Whether a call that failed is worth a word."""
    return bool(_NEEDED.search(event.call)) and not ordinary(event)


_NAMED = {
    ("bind", errno.EADDRINUSE): "address-in-use",
    ("listen", errno.EADDRINUSE): "address-in-use",
    ("pthread_create", errno.EAGAIN): "no-thread",
    ("accept", errno.EMFILE): "no-descriptor",
    ("accept4", errno.EMFILE): "no-descriptor",
}


def failures(evidence: Evidence) -> Iterator[Fact]:
    """Each place where a call failed in a way that a correct program does not meet, with its errno."""
    found: dict[tuple[str, int, int], tuple[Event, int]] = {}
    for event in {*evidence.of_all(), *evidence.failed}:
        if event.error and event.ended is not None and _matters(event):
            key = (event.call, event.error, event.site)
            found[key] = (event, found.get(key, (event, 0))[1] + event.repeats)
    for (call, error, _site), (event, n) in found.items():
        name = _NAMED.get((call, error), "bad-descriptor" if error == errno.EBADF else "failed")
        if name == "failed" and n >= OFTEN:
            name = "failed-again"
        told = _("{call} failed with {error} ({why}){where}, {times}").format(
            call=call,
            error=error_name(error),
            why=os.strerror(error),
            where=evidence.where(event),
            times=times(n),
        )
        yield Fact(name, told)


def interrupted(evidence: Evidence) -> Iterator[Fact]:
    """A call that a signal interrupted."""
    for event in evidence.of_all():
        if event.error == errno.EINTR and event.ended is not None:
            words = _("a signal interrupted {call}{where} (EINTR)")
            yield Fact("interrupted", words.format(call=event.call, where=evidence.where(event)))
            return


def timed_out_at_once(evidence: Evidence) -> Iterator[Fact]:
    """A wait with a time that is over before it begins, again and again."""
    for number, calls in evidence.calls.items():
        n, last = 0, None
        for event in calls:
            if event.call not in TIMED or event.ended is None:
                continue
            soon = (event.ended - event.began) / event.repeats < AT_ONCE_SECONDS
            late = event.error == errno.ETIMEDOUT or event.result == errno.ETIMEDOUT
            n, last = (n + event.repeats, event) if soon and late else (0, last)
        if last and n >= OFTEN:
            words = _(
                "{who} calls {call}{where} again and again: each returned ETIMEDOUT at once, {times} in a row. Its"
                " moment is long past by the clock of the condition: CLOCK_REALTIME, unless"
                " pthread_condattr_setclock said another one"
            )
            yield Fact(
                "clock",
                words.format(
                    who=evidence.who(number),
                    call=last.call,
                    where=evidence.where(last),
                    times=times(n),
                ),
            )


# -- descriptors ---------------------------------------------------------------------------------------


def closed_in_use(evidence: Evidence) -> Iterator[Fact]:
    """A thread closed a descriptor in which another one was inside a call; that one may sleep on. Each place once."""
    closes = [e for e in evidence.of_all() if e.call == "close" and not e.error and e.ended]
    told: set[tuple[object, ...]] = set()
    for user in evidence.of_all():
        if user.call not in READS | SENDS | ACCEPTS | {"connect"} or user.fd < 0:
            continue
        if user.ended is None and evidence.inside.get(user.thread) != user:
            continue  # its thread has ended, by a cancellation for one: nobody sleeps there
        close = next((close for close in closes if _hit(close, user)), None)
        if close is None:
            continue
        place = (close.site, user.call, user.site, user.ended is None)
        if place not in told:
            told.add(place)
            yield _closed(evidence, close, user)


def _hit(close: Event, user: Event) -> bool:
    """Whether a descriptor was closed by another thread while this one was in a call on it."""
    if close.fd != user.fd or close.thread == user.thread or user.repeats > 1:
        return False
    return user.began < close.began and (user.ended is None or user.ended > close.began)


def _closed(evidence: Evidence, close: Event, user: Event) -> Fact:
    asleep = user.ended is None
    words = (
        _(
            "{closer} closed descriptor {fd}{where} while {user} was in {call}{there}, and {user} sleeps there on:"
            " close() wakes nobody"
        )
        if asleep
        else _("{closer} closed descriptor {fd}{where} while {user} was in {call}{there}")
    )
    return Fact(
        "close-wakes-nobody" if asleep else "closed-in-use",
        words.format(
            closer=evidence.who(close.thread),
            fd=close.fd,
            where=evidence.where(close),
            user=evidence.who(user.thread),
            call=user.call,
            there=evidence.where(user),
        ),
    )


def stale_uses(evidence: Evidence) -> Iterator[Fact]:
    """A call that failed with EBADF on a descriptor that was closed before. Each place once."""
    places: set[tuple[int, str, int]] = set()
    words = _("{closer} closed descriptor {fd}{where}, then {user} used it: {call}{there} (EBADF)")
    for user in evidence.of_all():
        number = evidence.numbers.get(user.fd)
        if user.error != errno.EBADF or not number or not 0 < number.closed <= (user.ended or 0):
            continue
        place = (number.close_site, user.call, user.site)
        if place in places:
            continue
        places.add(place)
        told = words.format(
            closer=evidence.who(number.closer),
            fd=user.fd,
            where=evidence.there(number.close_site),
            user=evidence.who(user.thread),
            call=user.call,
            there=evidence.where(user),
        )
        yield Fact("closed-twice" if user.call == "close" else "used-after-close", told)
