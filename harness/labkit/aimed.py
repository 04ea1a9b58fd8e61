"""A signal sent to one thread, where the kernel may deliver what is sent to the process: pthreads(7), signal(7)."""

from __future__ import annotations

import ctypes
import signal
from pathlib import Path

from labkit import proc
from labkit.scene import Running
from labkit.words import _


def others(program: Running, number: signal.Signals) -> list[int]:
    """The threads but main, in the order of their creation, that do not block a signal: it may be delivered to each."""
    threads = [thread for thread in proc.threads(program.pid) if thread != program.pid]
    return [thread for thread in threads if not _blocks(program.pid, thread, number)]


def _blocks(pid: int, thread: int, number: signal.Signals) -> bool:
    try:
        status = Path(f"/proc/{pid}/task/{thread}/status").read_text("utf-8", "replace")
    except OSError:
        return True
    masks = [line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:")]
    return not masks or bool(int(masks[0], 16) >> (number - 1) & 1)


def at(program: Running, thread: int, number: signal.Signals) -> None:
    """Send a signal to this thread alone; the program may end from now on."""
    program.must_not_have_died()
    program.may_end = True
    words = _("gets {signal}, which the kernel delivers to another thread than main")
    program.journal.note(program.name, words.format(signal=number.name))
    ctypes.CDLL(None, use_errno=True).tgkill(program.pid, thread, int(number))
