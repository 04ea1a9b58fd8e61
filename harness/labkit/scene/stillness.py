"""Whether it is proved that nothing comes any more while a check waits: its programs rest, and nobody else acts."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from labkit.hang import rest
from labkit.hang.rest import Look
from labkit.scene.running import Running
from labkit.scene.tools import UNDER_TSAN

# Threads of ours that give the programs nothing to do: those that read their output, and that look at the machine.
IDLE = ("pump ", "shortage")


def of(programs: Iterable[Running]) -> list[Look] | None:
    """What the running programs of a check are in, until its only thread that waits does something; None: no proof.

    It takes a tenth of a second.
    """
    running = [program for program in programs if program.running]
    if not _alone() or not all(map(_can_be_told, running)):
        return None
    watched = {program.pid for program in running if program.tool is UNDER_TSAN}
    rests = rest.at_rest({program.pid: program.log / "stats" for program in running}, watched)
    return rests if rests and all(program.heard() for program in running) else None


def _alone() -> bool:
    """Whether no other thread of ours plays a part in the check."""
    mine = threading.current_thread()
    others = [thread for thread in threading.enumerate() if thread is not mine]
    return all(thread.name.startswith(IDLE) for thread in others)


def _can_be_told(program: Running) -> bool:
    """Whether what the kernel shows of a program is all that there is: one process, no terminal."""
    return program.everybody() == [program.pid] and not program.on_terminal
