"""Signals sent to one thread of a program: the kernel gives one to any thread that does not block it."""

from __future__ import annotations

import signal

from labkit.ground import proc
from labkit.ground.words import _
from labkit.scene.running import Running


def hearing(program: Running, number: signal.Signals) -> list[int]:
    """The threads beside main that do not block a signal, the oldest first."""
    return [
        thread
        for thread, task in proc.tasks(program.pid).items()
        if thread != program.pid and not task.blocked >> (number - 1) & 1
    ]


def send(program: Running, thread: int, number: signal.Signals) -> None:
    """Send a signal to one thread of a program."""
    words = _("gets {signal}, in one of its threads beside main")
    program.journal.note(program.name, words.format(signal=number.name))
    if not proc.tgkill(program.pid, thread, number):
        program.signal(number)  # the thread has ended: any other one may have it
