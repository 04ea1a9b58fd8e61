"""What a program shows as a whole: what it said, its port, and by what it ended."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Mapping

from labkit.diagnosis.facts import EXITS, Evidence, Fact
from labkit.ground.words import N_, _

# -- words, ports, limits ------------------------------------------------------------------------------


def said(evidence: Evidence) -> Iterator[Fact]:
    """An error that the program reports as none: a stale errno."""
    for line in evidence.said.splitlines():
        if line.rstrip(" .\n").endswith(": " + os.strerror(0)) or f": {os.strerror(0)}:" in line:
            words = _(
                "its stderr reports an error as `{line}`: errno was 0, another call had failed"
            )
            yield Fact("stale-errno", words.format(line=line.strip()[:120]))
            return


def nowhere(evidence: Evidence) -> Iterator[Fact]:
    """A client's address that is none."""
    got = evidence.got.decode("latin-1") if isinstance(evidence.got, bytes) else evidence.got or ""
    if "0.0.0.0:0" in got or "[::]:0" in got:
        words = _("it says that a client's address is {address}: the kernel has written none there")
        yield Fact(
            "no-address", words.format(address="0.0.0.0:0" if "0.0.0.0:0" in got else "[::]:0")
        )


def shared_port(evidence: Evidence) -> Iterator[Fact]:
    """SO_REUSEPORT, as it was set, or by what it does: two programs listen on one port."""
    for event in evidence.of_all():
        if event.call == "setsockopt" and event.detail == socket.SO_REUSEPORT and not event.error:
            words = _("setsockopt{where} sets option {n}, which is SO_REUSEPORT")
            yield Fact(
                "shared-port", words.format(where=evidence.where(event), n=socket.SO_REUSEPORT)
            )
            break
    if evidence.shares_port:
        words = _(
            "two programs listen on port {port} at the same time: Linux lets them only where both sockets"
            " have SO_REUSEPORT"
        )
        yield Fact("shared-port", words.format(port=evidence.shares_port))


LIMITS: Mapping[str, str] = {
    "SIGXFSZ": N_("a file of its own grew past the limit that it has here"),
    "SIGXCPU": N_("it used more CPU time than it may"),
    "SIGSYS": N_("it made a system call that it may not make here"),
}


def our_limit(evidence: Evidence) -> Iterator[Fact]:
    """A limit of ours that ended the program."""
    if evidence.signal in LIMITS:
        words = _("{signal} ended it: {why}")
        yield Fact(
            "our-limit", words.format(signal=evidence.signal, why=_(LIMITS[evidence.signal]))
        )


def exits(evidence: Evidence) -> Iterator[Fact]:
    """Who has ended a program that nobody had asked to end."""
    if evidence.status is None:
        return
    calls = [event for event in evidence.of_all() if event.call in EXITS]
    calls = [event for event in calls if event.detail & 0xFF == evidence.status]
    if calls:
        last = max(calls, key=lambda event: event.began)
        words = _(
            "{who} calls {call}{where}, which ends the program with all its threads: status {n}"
        )
        told = words.format(
            who=evidence.who(last.thread),
            call=last.call,
            where=evidence.where(last),
            n=evidence.status,
        )
        yield Fact("exits", told)


def last_call(evidence: Evidence) -> Iterator[Fact]:
    """What a program that a signal ended did last."""
    calls = [event for event in evidence.of_all() if event.ended is not None]
    if not calls or not evidence.end or not evidence.signal:
        return
    last = max(calls, key=lambda event: event.ended or 0.0)
    words = _("the last call before {signal} came: {who}, {call}{where}")
    told = words.format(
        signal=evidence.signal,
        who=evidence.who(last.thread),
        call=last.call,
        where=evidence.where(last),
    )
    yield Fact("last-call", told)
