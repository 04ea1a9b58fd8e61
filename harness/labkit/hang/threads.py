"""What each thread of a running program does: its stack, which gdb unwinds, and the system call it is in.

gdb stops the program for a tenth of a second. A call that a stop interrupts although no signal came, such as
epoll_wait(2), returns EINTR: look at a program only when all else that it was to show has been seen.

Where gdb cannot be had, /proc says less: the system calls, and which thread holds a mutex.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.box import bounded, sandbox
from labkit.box.bounded import Bounds
from labkit.ground import proc
from labkit.ground.faults import Trouble
from labkit.ground.stacks import Frame
from labkit.ground.words import _

SCRIPT = Path(__file__).with_name("gdb_threads.py")
# The memory around the address that a thread waits on; `gdb_threads` reads the same.
BYTES_BEFORE, BYTES = 16, 64
MOST_WORDS = 64 << 20  # of gdb, in bytes
MOST_MEMORY = 4 << 30  # of gdb, in bytes: debug information can be made to eat a machine

# A program's debug information may name scripts to run and places to look: gdb must ignore them all.
SETTINGS = (
    "set auto-load off",
    "set debug-file-directory /nonexistent",
    "set libthread-db-search-path /nonexistent",
    "set may-call-functions off",
    "set print thread-events off",
)

# The calls in which a thread waits, as C programs know them, by their numbers on each kind of machine.
_X86 = {0: "read", 1: "write", 7: "poll", 20: "writev", 23: "select", 34: "pause", 35: "nanosleep"}
_X86 |= {42: "connect", 43: "accept", 44: "send", 45: "recv", 46: "sendmsg", 47: "recvmsg"}
_X86 |= {61: "wait", 128: "sigwait", 130: "sigsuspend", 202: "futex", 230: "nanosleep"}
_X86 |= {232: "epoll_wait", 270: "select", 271: "poll", 281: "epoll_wait", 288: "accept"}
_ARM = {22: "epoll_wait", 63: "read", 64: "write", 66: "writev", 72: "select", 73: "poll"}
_ARM |= {98: "futex", 101: "nanosleep", 115: "nanosleep", 133: "sigsuspend", 137: "sigwait"}
_ARM |= {202: "accept", 203: "connect", 206: "send", 207: "recv", 211: "sendmsg", 212: "recvmsg"}
_ARM |= {242: "accept", 260: "wait"}
SYSTEM_CALLS: Mapping[str, Mapping[int, str]] = {"x86_64": _X86, "aarch64": _ARM}

RUNNING = "running"


@dataclass(frozen=True)
class Thread:
    """A thread at one moment.

    number: in the order of creation, 1 is the main thread. inner: its id as the program knows it. call: the system call
    it is in, RUNNING, or empty where not known; arguments: of that call. channel: where in the kernel it
    waits. frames: from the innermost on; calls: for each what it has called, where that is known.
    memory: what lies around the call's first argument, from BYTES_BEFORE before it on; symbol: the
    program's variable there. pointer: where the thread's own data are, 0 where not known.
    """

    number: int
    tid: int
    inner: int
    call: str
    arguments: tuple[int, ...] = ()
    channel: str = ""
    frames: tuple[Frame, ...] = ()
    calls: tuple[str | None, ...] = ()
    memory: bytes = b""
    symbol: str = ""
    pointer: int = 0

    def word(self, offset: int) -> int | None:
        """The int at an offset from the call's first argument; None where memory can't be read."""
        at = BYTES_BEFORE + offset
        data = self.memory[at : at + 4]
        return int.from_bytes(data, "little", signed=True) if len(data) == 4 else None


@dataclass(frozen=True)
class Look:
    """All threads of a program, none if it has ended; why there are no stacks, or not all, empty if there are."""

    threads: tuple[Thread, ...]
    lacking: str = ""


def look(pid: int, seconds: float) -> Look:
    """What the threads of a process do now; gdb gets at most `seconds`. The process runs on as before."""
    if not pid or not _alive(pid):
        return Look(())
    order = _numbers(pid)
    # Before gdb, which, when it fails, leaves threads that are about to wait again.
    before = _by_kernel(pid, order)
    stacks, lacking = _by_gdb(pid, seconds)
    for tid in sorted(record["tid"] for record in stacks):
        order.setdefault(tid, len(order) + 1)  # started since
    seen = [thread for record in stacks if (thread := _thread(record, order))]
    if lacking:
        known = {thread.tid for thread in seen}
        seen += [thread for thread in before if thread.tid not in known]
    if not seen or not _alive(pid):
        return Look(())
    return Look(tuple(seen), lacking)


def _alive(pid: int) -> bool:
    """Whether a thread of the process still runs; the main one may have ended before others."""
    return any(proc.state(pid, tid) not in proc.ENDED for tid in proc.threads(pid))


def _numbers(pid: int) -> dict[int, int]:
    """The threads' numbers by their ids. Not gdb's, which from version 16 on counts the youngest first."""
    others = [tid for tid in proc.threads(pid) if tid != pid]
    return {tid: number for number, tid in enumerate([pid, *others], 1)}


def _of_kernel(pid: int, tid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/task/{tid}/{name}").read_text(errors="replace").strip()
    except OSError:
        return ""


# -- with gdb ----------------------------------------------------------------------------------------


def _by_gdb(pid: int, seconds: float) -> tuple[list[dict[str, Any]], str]:
    """What gdb says of each thread, and why that is not all of them."""
    gdb = shutil.which("gdb")
    if not gdb:
        return [], _("gdb is not installed")
    if "valgrind" in _executable(pid):
        return [], _("the program runs inside valgrind")
    if proc.state(pid, proc.first_thread(pid)) == "T":
        return [], _("a signal has stopped the program")
    lacking = ""
    try:
        command = _command(gdb, pid, seconds)
        bounds = Bounds(seconds, MOST_WORDS, asleep=seconds)
        done = bounded.run(command, Path("/"), bounds, sandbox.environment(), session=True)
        output = done.out.encode()
        if done.status < 0:
            _let_go(pid)
    except bounded.Endless as endless:
        output = endless.out
        lacking = _("gdb did not come to an end: {why}").format(why=endless)
        _let_go(pid)
    except Trouble:
        _let_go(pid)
        raise
    stacks = [stack for stack in map(_record, output.splitlines()) if stack]
    return stacks, lacking or ("" if stacks else _("gdb may not look into the program"))


def _command(gdb: str, pid: int, seconds: float) -> list[str]:
    """gdb, limited, on a program that may live in namespaces: its files are found through /proc.

    gdb is given the main thread and finds all others. Given another, because main has ended, it sees that one
    alone, and `gdb_threads` goes from each to the next.
    """
    pid = proc.first_thread(pid)
    settings = [f"set sysroot /proc/{pid}/root", *SETTINGS]
    return [
        "/usr/bin/prlimit",
        "--core=0",
        f"--cpu={int(seconds) + 1}",
        f"--as={MOST_MEMORY}",
        "--",
        gdb,
        "-nx",
        "-batch",
        *[word for setting in settings for word in ("-iex", setting)],
        f"/proc/{pid}/exe",
        "-p",
        str(pid),
        "-x",
        str(SCRIPT),
    ]


def _executable(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{proc.first_thread(pid)}/exe")
    except OSError:
        return ""


def _let_go(pid: int) -> None:
    """After a gdb that was killed: the stop that it had asked for may have come, or be under way."""
    try:
        os.kill(pid, signal.SIGCONT)
    except OSError:
        pass


def _record(line: bytes) -> dict[str, Any] | None:
    """A line of `gdb_threads`; None for any other and for one that was cut."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "frames" in record else None


# -- without -----------------------------------------------------------------------------------------


def _by_kernel(pid: int, order: Mapping[int, int]) -> list[Thread]:
    """All threads without stacks."""
    found = []
    for tid in order:
        call = _of_kernel(pid, tid, "syscall")
        record = {"tid": tid, "frames": [], "symbol": "", "system_call": call}
        record["status"] = _of_kernel(pid, tid, "status")
        record["channel"] = _of_kernel(pid, tid, "wchan")
        record["memory"] = _memory(pid, tid, call).hex()
        thread = _thread(record, order)
        if thread:
            found.append(thread)
    return found


def _memory(pid: int, tid: int, call: str) -> bytes:
    """The memory around the first argument of a system call, where that is an address."""
    words = call.split()
    if len(words) < 2 or words[0] == "-1":
        return b""
    try:
        with open(f"/proc/{pid}/task/{tid}/mem", "rb", buffering=0) as memory:
            return os.pread(memory.fileno(), BYTES, int(words[1], 16) - BYTES_BEFORE)
    except (OSError, OverflowError, ValueError):
        return b""


# -- both --------------------------------------------------------------------------------------------


def _thread(record: Mapping[str, Any], order: Mapping[int, int]) -> Thread | None:
    """A thread from what was written down of it; None for one that has ended. order: the threads' numbers."""
    status = record["status"]
    inner = re.search(r"^NSpid:.*?(\d+)$", status, re.MULTILINE)
    state = re.search(r"^State:\s*(\w)", status, re.MULTILINE)
    if not state or state[1] in "ZX":
        return None
    call, arguments = _system_call(record["system_call"])
    return Thread(
        order[record["tid"]],
        record["tid"],
        int(inner[1]) if inner else record["tid"],
        RUNNING if state[1] == "R" else call,
        arguments,
        "" if record.get("channel", "0") == "0" else record["channel"],
        tuple(
            Frame(function, file, line or None, library)
            for function, file, line, library, _call in record["frames"]
        ),
        tuple(frame[4] for frame in record["frames"]),
        bytes.fromhex(record["memory"]),
        record["symbol"],
        record.get("pointer", 0),
    )


def _system_call(text: str) -> tuple[str, tuple[int, ...]]:
    """The name and the arguments from a line of /proc/PID/syscall."""
    words = text.split()
    if not words:
        return "", ()
    if words[0] in ("running", "-1"):
        return RUNNING, ()
    known = SYSTEM_CALLS.get(platform.machine(), {})
    return known.get(int(words[0]), ""), tuple(int(word, 16) for word in words[1:7])
