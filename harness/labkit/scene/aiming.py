"""Signals sent to one thread of a program: the kernel gives one to any thread that does not block it."""

from __future__ import annotations

import ctypes
import signal
from pathlib import Path

from labkit.ground import proc
from labkit.ground.words import _
from labkit.scene.running import Running


def hearing(program: Running, number: signal.Signals) -> list[int]:
    """The threads beside main that do not block a signal, the oldest first."""
    return [
        thread
        for thread in proc.threads(program.pid)
        if thread != program.pid and not _blocks(program.pid, thread, number)
    ]


def _blocks(pid: int, thread: int, number: signal.Signals) -> bool:
    """Whether a thread blocks a signal, or has ended."""
    try:
        status = Path(f"/proc/{pid}/task/{thread}/status").read_text("ascii", "replace")
        mask = int(status.partition("\nSigBlk:")[2].split()[0], 16)
    except (OSError, ValueError, IndexError):
        return True
    return bool(mask >> (number - 1) & 1)


def send(program: Running, thread: int, number: signal.Signals) -> None:
    """Send a signal to one thread of a program."""
    words = _("gets {signal}, in one of its threads beside main")
    program.journal.note(program.name, words.format(signal=number.name))
    if ctypes.CDLL(None, use_errno=True).tgkill(program.pid, thread, int(number)) != 0:
        program.signal(number)  # the thread has ended: any other one may have it
