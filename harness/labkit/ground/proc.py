"""What the kernel says about a running process: proc(5). Every function answers 0 or nothing for one that has ended.

A process goes on when its main thread has ended with pthread_exit(3), until its last thread ends. Its main thread
is a zombie then, through which the kernel shows nothing of what all its threads share: no descriptors, no memory,
no network. So these are read through a thread that lives.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
ENDED = ("Z", "X", "")  # states of a thread that is no more


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
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if word.encode() in _environment(pid)]


def _environment(pid: int) -> bytes:
    """The environment that a process was started with."""
    for view in views(pid):
        with suppress(OSError):
            words = (view / "environ").read_bytes()
            if words:
                return words
    return b""


def threads(pid: int) -> list[int]:
    """The ids of the threads of a process that have not ended, in the order in which they were created."""
    try:
        found = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []
    # Of the threads that have ended only the main one stays; to ask each of ten thousand would take long.
    return [thread for thread in found if thread != pid or state(pid) not in ENDED]


def first_thread(pid: int) -> int:
    """The thread through which the process is to be looked at: main, or where that has ended the oldest; 0: none."""
    return pid if state(pid) not in ENDED else next(iter(threads(pid)), 0)


def views(pid: int | str) -> Iterator[Path]:
    """The directories below /proc that may show what the threads of a process (or of "self") share, best first."""
    yield Path(f"/proc/{pid}")
    if pid != "self":
        for thread in threads(int(pid)):
            yield Path(f"/proc/{pid}/task/{thread}")


def runnable(pid: int, most: int | None = None) -> int:
    """How many threads of a process run or want to, among the first `most` of them, all where it is None."""
    return sum(state(pid, thread) == "R" for thread in threads(pid)[:most])


def descriptors(pid: int) -> dict[int, str]:
    """The open descriptors of a process, in their order, and what each of them leads to."""
    return next(filter(None, (_links(view / "fd") for view in views(pid))), {})


def _links(directory: Path) -> dict[int, str]:
    """The descriptors that a thread shows; none where it has ended, amid this look or before."""
    found: dict[int, str] = {}
    with suppress(OSError):
        names = sorted(os.listdir(directory), key=int)
        for name in names:
            with suppress(OSError):  # closed since
                found[int(name)] = os.readlink(f"{directory}/{name}")  # a Path for each costs more
        if len(found) < len(names) and not os.listdir(directory):
            return {}
    return found


def resident(pid: int) -> int:
    """Resident memory in bytes."""
    for view in views(pid):
        with suppress(OSError, IndexError):
            pages = int((view / "statm").read_text(encoding="ascii").split()[1])
            if pages:
                return pages * PAGE
    return 0


def own_resident(pid: int) -> int:
    """Resident memory in bytes that is in no file: without libraries, and without what the shim has recorded."""
    for view in views(pid):
        with suppress(OSError, IndexError):
            words = (view / "statm").read_text(encoding="ascii").split()
            if int(words[1]):
                return (int(words[1]) - int(words[2])) * PAGE
    return 0


def peak_resident(pid: int) -> int:
    """The most resident memory that the process has had, in bytes."""
    for view in views(pid):
        with suppress(OSError):
            for line in (view / "status").read_text("ascii", "replace").splitlines():
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


@dataclass(frozen=True)
class Task:
    """A thread at one moment. inner: its id as the program knows it. state: its letter. ran, waited: seconds on a CPU,
    and ready for one. slept, pushed: how often it stopped running by itself, and for another thread. blocked: its
    signal mask, a bit a signal.
    """

    inner: int
    state: str
    ran: float
    waited: float
    slept: int
    pushed: int
    blocked: int


def task(pid: int, thread: int) -> Task | None:
    """What the kernel says of a thread of a process; None where it has ended."""
    there = Path(f"/proc/{pid}/task/{thread}")
    try:
        ran, waited = (there / "schedstat").read_text(encoding="ascii").split()[:2]
        status = (there / "status").read_text("ascii", "replace")
        said = dict(re.findall(r"^(\w+):\s*(.*)$", status, re.MULTILINE))
        return Task(
            inner=int(said.get("NSpid", str(thread)).split()[-1]),
            state=said["State"][:1],
            ran=int(ran) / 1e9,
            waited=int(waited) / 1e9,
            slept=int(said["voluntary_ctxt_switches"]),
            pushed=int(said["nonvoluntary_ctxt_switches"]),
            blocked=int(said["SigBlk"], 16),
        )
    except (OSError, ValueError, IndexError, KeyError):
        return None


def tasks(pid: int, most: int | None = None) -> dict[int, Task]:
    """The same of the first `most` threads of a process, by their ids; None is all."""
    found = ((thread, task(pid, thread)) for thread in threads(pid)[:most])
    return {thread: one for thread, one in found if one and one.state not in ENDED}


def tgkill(pid: int, thread: int, number: int) -> bool:
    """Signal one thread of a process, tgkill(2); False where it has ended."""
    result: int = ctypes.CDLL(None, use_errno=True).tgkill(pid, thread, number)
    return result == 0


def all_sleep(pid: int) -> bool:
    """Whether all threads of a process sleep at this moment: none works, or waits for a CPU or a disk."""
    return not any(state(pid, thread) in "RD" for thread in threads(pid))


def state(pid: int, thread: int = 0) -> str:
    """The state letter of the main thread or of another (`R`, `S`, `T`, `Z`, …), empty if it has ended."""
    try:
        # Raw calls: callers ask it of hundreds of threads at a time.
        fd = os.open(f"/proc/{pid}/task/{thread or pid}/stat", os.O_RDONLY)
        try:
            return os.read(fd, 512).rpartition(b")")[2].split()[0].decode()
        finally:
            os.close(fd)
    except (OSError, IndexError):
        return ""
