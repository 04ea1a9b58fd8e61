"""The rules of all labs' programs at any time: that they survive, go on and come to rest."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from labkit.ground import proc
from labkit.ground.faults import Fault
from labkit.scene.running import Running, death
from labkit.scene.server import Server


def idle(server: Server) -> Server:
    """Wait until a server, which has said where it listens, sleeps: its start is over."""
    server.program.eventually(lambda: server.program.state() == "S", 2.0)
    return server


@contextmanager
def survives(server: Server, cause: str) -> Iterator[None]:
    """The events inside this context must not end the server; if they did, the fault has this cause."""
    try:
        yield
    except Fault:
        if server.program.scene.rests():
            raise
        ended = server.program.wait(server.program.deadline(0.3))
        if ended is None or server.program.may_end:
            raise
        fault = death(server.program, ended)
        if not ended.signal:
            fault.cause = cause
        raise fault from None


def settled(program: Running, measure: str, most: int, seconds: float = 3.0) -> int:
    """Wait until a measure (a method of Running) is at most `most`; returns what it was last."""
    value = 0

    def low_enough() -> bool:
        nonlocal value
        value = getattr(program, measure)()
        return bool(value <= most)

    program.eventually(low_enough, seconds)
    return value


@contextmanager
def held(program: Running) -> Iterator[None]:
    """Inside, the program is stopped: whatever is done to it meanwhile is there at once when it goes on."""
    program.signal(signal.SIGSTOP)
    program.eventually(lambda: program.state() == "T", 2.0)
    try:
        yield
    finally:
        program.signal(signal.SIGCONT)


def stopped_and_continued(server: Server) -> None:
    """Ctrl-Z and fg, some times: calls that sleep may come back with EINTR afterwards; see signal(7)."""
    program = server.program
    for _time in range(3):
        program.eventually(lambda: program.state() == "S", 1.0)
        with held(program):
            pass
        program.eventually(lambda: program.state() != "T", 2.0)


def come_to_rest(program: Running) -> bool:
    """Wait until the program has done what there was to do: none of its threads works, or waits for a CPU.

    Looked at several times, since two threads that pass work on to each other sleep both for a moment.
    """
    looks = 0

    def at_rest() -> bool:
        nonlocal looks
        looks = looks + 1 if proc.all_sleep(program.pid) else 0
        return looks >= 4

    return program.eventually(at_rest, 5.0)


def lowest(program: Running, measure: str, seconds: float = 0.3) -> int:
    """The lowest value of a measure (a method of Running) over a moment in which nobody sends it anything."""
    values: list[int] = []

    def never() -> bool:
        values.append(getattr(program, measure)())
        return False

    program.eventually(never, seconds)
    return min(values)
