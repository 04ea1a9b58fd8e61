"""Whether programs are at rest: nothing goes on in them until something comes from outside.

That is proved rather than waited for. Each thread sleeps in a system call that no clock ends, as the kernel says;
none has run between two looks, so all slept at the same moment; nothing was on its way to their sockets then, and
nothing is there that could wake them later: no timer, no child, no descriptor of a kind that is not known here.
Whatever cannot be read is no proof.
"""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2

from labkit.ground import proc, tcp_table
from labkit.ground.faults import Fault, Trouble
from labkit.ground.proc import Task
from labkit.ground.tcp_table import ESTABLISHED, LISTEN, SYN_RECV, SYN_SENT, Row
from labkit.hang import flight

APART_SECONDS = 0.05  # from one look to the next
MOST_THREADS = 2048  # that are looked at: more take longer than the deadline that is to be spared


@dataclass(frozen=True)
class Calls:
    """System calls by their numbers on a kind of machine.

    always: those without a time-out. unless: those that are endless where the argument of that place is NULL;
    negative: where it is a negative int. futex: that call. sleep: nanosleep, which glibc does not make any more.
    """

    always: frozenset[int]
    unless: Mapping[int, int]
    negative: Mapping[int, int]
    futex: int
    sleep: int


# read write readv writev pause accept sendto recvfrom sendmsg recvmsg rt_sigsuspend accept4
_X86 = frozenset((0, 1, 19, 20, 34, 43, 44, 45, 46, 47, 130, 288))
_ARM = frozenset((63, 64, 65, 66, 202, 206, 207, 211, 212, 133, 242))
# select pselect6 ppoll rt_sigtimedwait epoll_pwait2; poll epoll_wait epoll_pwait
CALLS = {
    "x86_64": Calls(_X86, {23: 4, 270: 4, 271: 2, 128: 2, 441: 3}, {7: 2, 232: 3, 281: 3}, 202, 35),
    "aarch64": Calls(_ARM, {72: 4, 73: 2, 137: 2, 441: 3}, {22: 3}, 98, 101),
}
FROM_OUTSIDE = sum(
    1 << number - 1
    for number in (SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCHLD)
)
FUTEX_COMMAND, FUTEX_TIMEOUT = 0x7F, 3
FUTEX_WAITS = (0, 6, 9, 13)  # WAIT, LOCK_PI, WAIT_BITSET, LOCK_PI2: linux/futex.h
# What descriptors may lead to: nothing that sends by itself, as a timerfd or a terminal with a time-out would.
QUIET = re.compile(
    r"(socket|pipe):\[\d+\]$|/(?!dev/)|/dev/(null|zero|full|u?random)$"
    r"|anon_inode:\[(eventpoll|eventfd|signalfd)\]$"
)
End = tuple[str, int]
OTHER_SOCKETS = ("udp", "udp6", "udplite", "raw", "raw6", "icmp", "icmp6", "netlink", "packet")


@dataclass(frozen=True)
class Look:
    """What is the same at two looks at a program at rest: its threads, their system calls, its TCP sockets."""

    threads: Mapping[int, Task]
    calls: Mapping[int, str]
    sockets: tuple[Row, ...]


def at_rest(programs: Mapping[int, Path], watched: Set[int] = frozenset()) -> list[Look] | None:
    """What running programs are in, all at the same moment; None where it is not proved that all are at rest.

    programs: the shim's file of each, by the process's id. watched: which of them have a thread of ThreadSanitizer's, which
    sleeps by a clock and does nothing to the others. What they are in is the same until something comes.
    """
    before = _looks(programs, watched)
    if not before:
        return None
    time.sleep(APART_SECONDS)
    return before if _looks(programs, watched) == before else None


def _looks(programs: Mapping[int, Path], watched: Set[int]) -> list[Look] | None:
    looks = [_look(pid, stats, pid in watched) for pid, stats in programs.items()]
    found = [look for look in looks if look]
    return found if len(found) == len(looks) else None


def _look(pid: int, stats: Path, watched: bool) -> Look | None:
    """A program at this moment; None where something goes on, or may go on later, without anybody's doing."""
    threads = proc.tasks(pid, MOST_THREADS + 1)
    if not 0 < len(threads) <= MOST_THREADS or proc.children(pid) or _has_timers(pid, stats):
        return None
    calls = {thread: _system_call(pid, thread) for thread in threads}
    if watched:
        _leave_out_its_own(threads, calls)
    if not all(task.state == "S" and _is_endless(calls[t]) for t, task in threads.items()):
        return None
    held = proc.descriptors(pid)
    # After the threads: what is on its way now finds them asleep.
    sockets = _idle_sockets(pid, held)
    return None if sockets is None else Look(threads, calls, sockets)


def _leave_out_its_own(threads: dict[int, Task], calls: dict[int, str]) -> None:
    """Take out ThreadSanitizer's own thread: the only one that sleeps as it does, by the kernel's call itself.

    It has the signals blocked that come from outside: MaybeSpawnBackgroundThread of LLVM's sanitizer runtime.
    """
    known = CALLS.get(platform.machine())
    alike = [
        thread
        for thread, task in threads.items()
        if known and calls[thread].startswith(f"{known.sleep} ")
        if task.blocked & FROM_OUTSIDE == FROM_OUTSIDE and task.state == "S"
    ]
    if len(alike) == 1:
        del threads[alike[0]], calls[alike[0]]


def _has_timers(pid: int, stats: Path) -> bool:
    """Whether a timer was ever set in a program, or cannot be told: of a socket's patience, too."""
    try:
        if flight.timers(stats):
            return True
        return bool(Path(f"/proc/{proc.first_thread(pid)}/timers").read_text(encoding="ascii"))
    except FileNotFoundError:
        return False  # this kernel does not list them
    except (OSError, Trouble, Fault):
        return True


def _system_call(pid: int, thread: int) -> str:
    """The number and the arguments of the call that a thread is in: proc_pid_syscall(5); empty where not known."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/task/{thread}/syscall").read_text(encoding="ascii").strip()
    return ""


def _is_endless(call: str) -> bool:
    known, words = CALLS.get(platform.machine()), call.split()
    if not known or len(words) < 7 or not words[0].isdigit():
        return False
    number, arguments = int(words[0]), [int(word, 16) for word in words[1:7]]
    if number == known.futex:
        waits = arguments[1] & FUTEX_COMMAND in FUTEX_WAITS
        return waits and not arguments[FUTEX_TIMEOUT]
    if number in known.unless:
        return not arguments[known.unless[number]]
    if number in known.negative:
        return bool(arguments[known.negative[number]] & 1 << 31)
    return number in known.always


def _idle_sockets(pid: int, held: Mapping[int, str]) -> tuple[Row, ...] | None:
    """A program's TCP sockets; None where something is on its way to one, or may come to a descriptor unseen.

    held: its descriptors. What has arrived has woken whoever waited for it, before its sender heard of that.
    """
    if not held or not all(map(QUIET.match, held.values())):
        return None
    rows = list(tcp_table.rows(pid))
    mine = tuple(row for row in rows if f"socket:[{row.inode}]" in held.values())
    if _others(pid) & {link[8:-1] for link in held.values() if link.startswith("socket:")}:
        return None
    network = by_ends(rows)
    return None if any(comes_to(row, network) for row in mine) else mine


def _others(pid: int) -> set[str]:
    """The words of the kernel's tables of sockets that anybody may send to, their inodes among them."""
    words: set[str] = set()
    for table in OTHER_SOCKETS:
        with suppress(OSError):
            there = Path(f"/proc/{proc.first_thread(pid)}/net/{table}")
            words.update(there.read_text(encoding="ascii").split())
    return words


def by_ends(rows: Iterable[Row]) -> dict[tuple[End, End], Row]:
    """Sockets by their two ends."""
    return {(row.local, row.remote): row for row in rows}


def comes_to(row: Row, network: Mapping[tuple[End, End], Row]) -> bool:
    """Whether something is on its way to a socket, or from it, or may be. network: all sockets by their ends."""
    if row.state == LISTEN:
        return any(_knocks(other, row, network) for other in network.values())
    other = network.get((row.remote, row.local))
    return not other or bool(row.unsent or other.unsent) or SYN_SENT in (row.state, other.state)


def _knocks(other: Row, listener: Row, network: Mapping[tuple[End, End], Row]) -> bool:
    """Whether a connection to a listening socket is not made yet."""
    port = listener.local[1]
    if other.state in (SYN_SENT, SYN_RECV):
        return port in (other.local[1], other.remote[1])
    there = (other.remote, other.local) in network
    return other.state == ESTABLISHED and other.remote[1] == port and not there
