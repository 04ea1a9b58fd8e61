"""What the machine lacked while a check ran: processes, threads, memory. Then what came of it is no verdict.

A program that cannot start a thread because the machine has none left loses a client; so does one with a bug.
The program's own words are not asked: what the kernel counts is, and whether we can start threads ourselves.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from labkit.ground.words import _

EVERY_SECONDS = 0.05
TRIALS = 10  # looks of which one tries to start threads, where the limits cannot be read
FEW = 16  # threads that it tries to start
NEARLY = 0.97  # of the tasks that the machine may have
ROOM = 64  # threads that can be started where there is no shortage
LEAST_MEMORY = 48 << 20  # bytes that are available where there is no shortage
PROC_PID_INIT_INO = 0xEFFFFFFC  # linux/proc_ns.h
OF_MEMORY = ("memory.events", "memory.oom_control")  # of control groups, version 2 and 1
CGROUPS = Path("/sys/fs/cgroup")


class Watch:
    """Looks at what the machine has left, from its making to `stop`. Use it as a context."""

    def __init__(self) -> None:
        self._refused = _refused()
        self._killed = _killed()
        self._most_tasks = 0
        self._least_memory = available_memory()
        self._none_left = False
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Watch:
        thread = threading.Thread(target=self._run, name="shortage", daemon=True)
        try:
            thread.start()
            self._thread = thread
        except RuntimeError:  # the first to be short of one: `lacking` finds it out
            pass
        return self

    def __exit__(self, *_raised: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        hidden = not _first_namespace()
        looks = 0
        while not self._over.wait(EVERY_SECONDS):
            looks += 1
            if hidden and looks % TRIALS == 0:
                self._none_left = self._none_left or not threads_left(FEW)
            self._most_tasks = max(self._most_tasks, _tasks())
            self._least_memory = min(self._least_memory, available_memory())

    def lacking(self) -> str:
        """What the machine lacked, or lacks now, in words; empty where it had all that was needed."""
        most = most_tasks()
        if _first_namespace() and max(self._most_tasks, _tasks()) > NEARLY * most:
            return _("the machine has hardly any processes and threads left of {n}").format(n=most)
        if _refused() > self._refused:
            return _("the control group's limit of processes (pids.max) was reached")
        if self._none_left or not threads_left():
            return _("no more threads can be started here")
        if min(self._least_memory, available_memory()) < LEAST_MEMORY:
            return _("the machine has hardly any memory left")
        return ""

    def killed_for_memory(self) -> bool:
        """Whether the kernel has ended a process of this machine for want of memory."""
        return _killed() > self._killed


def threads_left(count: int = ROOM) -> bool:
    """Whether so many threads can be started."""
    go_on = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _index in range(count):
            thread = threading.Thread(target=go_on.wait, daemon=True)
            thread.start()
            started.append(thread)
        return True
    except RuntimeError:
        return False
    finally:
        go_on.set()
        for thread in started:
            thread.join()


def over() -> bool:
    """Whether there is nothing short at the moment."""
    crowded = _first_namespace() and _tasks() > NEARLY * most_tasks()
    return not crowded and available_memory() > LEAST_MEMORY and threads_left()


def _first_namespace() -> bool:
    """Whether this is the machine's own PID namespace. In another one the kernel counts processes and threads of
    the machine, but shows the namespace's limit; and what holds may be a limit of a namespace around it.
    """
    try:
        return os.stat("/proc/self/ns/pid").st_ino == PROC_PID_INIT_INO
    except OSError:
        return False


def most_tasks() -> int:
    """How many processes and threads may be there at a time, as far as it can be read."""
    limits = [_number(f"/proc/sys/kernel/{name}") for name in ("pid_max", "threads-max")]
    return min(limit for limit in limits if limit) if any(limits) else 1 << 22


def available_memory() -> int:
    """In bytes; without an answer, all that can be wished for."""
    found = _table("/proc/meminfo").get("MemAvailable:")
    return found * 1024 if found is not None else 1 << 62


def _tasks() -> int:
    """The processes and threads of this machine."""
    try:
        return int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].split("/")[1])
    except (OSError, ValueError, IndexError):
        return 0


def _killed() -> int:
    """How many processes the kernel has ended for want of memory: of the machine, or of a control group."""
    files = [group / name for group in _groups("memory") for name in OF_MEMORY]
    return sum(_table(file).get("oom_kill", 0) for file in [Path("/proc/vmstat"), *files])


def _refused() -> int:
    """How often the limit of processes of a control group of ours has refused one."""
    found = 0
    for group in _groups("pids"):
        local = group / "pids.events.local"
        found += _table(local if local.exists() else group / "pids.events").get("max", 0)
    return found


def _groups(controller: str) -> Iterator[Path]:
    """Our control group of a controller, and those around it, of either version: cgroups(7)."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _number_of, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controllers if controllers else CGROUPS
        group = root / path.lstrip("/")
        yield from (place for place in (group, *group.parents) if place.is_relative_to(root))


def _table(path: str | Path) -> dict[str, int]:
    """The numbers of a file of the kernel's, by the word before each; empty where it is not there."""
    try:
        lines = Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    words = (line.split() for line in lines)
    return {w[0]: int(w[1]) for w in words if len(w) > 1 and w[1].isdigit()}


def _number(path: str) -> int:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
