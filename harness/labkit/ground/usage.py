"""What processes have used, and whether they want more: CPU time, memory, and what each of them waits for.

Read from /proc while they live: bubblewrap does not wait for the first process of its namespace, so that
nothing of what was used inside stands in the resource usage of a child that has ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labkit.ground import proc

ASLEEP = "SI"  # waits for something that happens, or is an idle thread of the kernel's; `D` waits for a disk


@dataclass(frozen=True)
class Usage:
    """What some processes have used so far, those included that ended and were waited for by one of them.

    cpu: seconds. peak: the most resident memory that one of them has had, in bytes. asleep: whether all of
    their threads wait for something that happens: none wants a CPU, waits for a disk or was stopped.
    """

    cpu: float = 0.0
    peak: int = 0
    asleep: bool = False


def of(pids: Iterable[int]) -> Usage:
    """What these processes have used so far."""
    cpu, peak, asleep, any_left = 0.0, 0, True, False
    for pid in pids:
        fields = _stat(f"/proc/{pid}/stat")
        if not fields:
            continue
        any_left = True
        cpu += sum(map(int, fields[11:15])) / proc.TICKS  # utime, stime, cutime, cstime
        peak = max(peak, proc.peak_resident(pid))
        asleep = asleep and _asleep(pid, fields)
    return Usage(cpu, peak, asleep and any_left)


def cpu_seconds(pids: Iterable[int]) -> float:
    """The CPU time that these processes have used so far, with that of children which they have waited for."""
    used = (_stat(f"/proc/{pid}/stat")[11:15] for pid in pids)
    return sum(sum(map(int, times)) for times in used) / proc.TICKS


def be_nice(pids: Iterable[int], nice: int) -> None:
    """Give all threads of these processes a low priority: setpriority(2) sets that of one thread."""
    for pid in pids:
        for thread in proc.threads(pid):
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, thread, nice)


def _asleep(pid: int, fields: list[str]) -> bool:
    """Whether all threads of a process sleep; a zombie has none."""
    if fields[0] in "ZX":
        return True
    if fields[17] == "1":  # num_threads
        return fields[0] in ASLEEP
    return all(proc.state(pid, thread) in ASLEEP for thread in proc.threads(pid))


def _stat(path: str) -> list[str]:
    """The fields of a line of proc(5)'s stat from the state on; none where the process is gone."""
    try:
        return Path(path).read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
