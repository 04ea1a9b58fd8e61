"""What the kernel says about a running process: proc(5). Every function answers 0 or nothing for one that has ended."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """The process ids of the children that all threads of `pid` started."""
    found: list[int] = []
    for thread in threads(pid):
        try:
            text = Path(f"/proc/{pid}/task/{thread}/children").read_text(encoding="ascii")
        except OSError:
            continue
        found += map(int, text.split())
    return found


def tree(pid: int, most: int = 4096) -> list[int]:
    """`pid` and all its living descendants, at most `most` of them."""
    found = [pid]
    for parent in found:
        if len(found) >= most:
            break
        found += children(parent)
    return found


def inside(first: int) -> list[Path]:
    """Where /proc tells of the processes of a PID namespace, but for its `first` one, as that one's /proc has them.

    One look at a directory, however many threads they have. Nothing as long as that /proc is another namespace's:
    `first` has not changed its root yet.
    """
    there = Path(f"/proc/{first}/root/proc")
    try:
        if os.readlink(there / "1/ns/pid") != os.readlink(f"/proc/{first}/ns/pid"):
            return []
        return [there / name for name in os.listdir(there) if name.isdigit() and name != "1"]
    except OSError:
        return []


def thread_count(process: Path) -> int:
    """How many threads the process of this directory has."""
    try:
        stat = (process / "stat").read_text(encoding="ascii", errors="replace")
        return int(stat.rpartition(")")[2].split()[17])
    except (OSError, IndexError):
        return 0


def marked(word: str) -> list[int]:
    """The processes in whose environment `word` stands: a program's descendants, wherever they went."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and word.encode() in Path(f"/proc/{name}/environ").read_bytes():
                found.append(int(name))
        except OSError:
            continue
    return found


def threads(pid: int) -> list[int]:
    """The thread ids of a process."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def runnable(pid: int, most: int | None = None) -> int:
    """How many threads of a process run or want to, among the first `most` of them, all where it is None."""
    return sum(state(pid, thread) == "R" for thread in threads(pid)[:most])


def descriptors(pid: int) -> list[int]:
    """The open descriptors of a process."""
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return []


def resident(pid: int) -> int:
    """Resident memory in bytes."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def peak_resident(pid: int) -> int:
    """The most resident memory that the process has had, in bytes."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int, thread: int = 0) -> float:
    """User and system time that the process, or one thread of it, has used so far."""
    stat = f"/proc/{pid}/task/{thread}/stat" if thread else f"/proc/{pid}/stat"
    try:
        after_name = Path(stat).read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / TICKS
    except (OSError, IndexError):
        return 0.0


def state(pid: int, thread: int = 0) -> str:
    """The state letter of the main thread or of another (`R`, `S`, `T`, `Z`, …), empty if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/task/{thread or pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
