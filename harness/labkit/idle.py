"""Whether a program sleeps while it has nothing to do: what its threads do with the time in which a CPU is theirs.

On a busy machine a thread that spins gets little of a CPU, and one that sleeps may have to wait for one. So the time in
which a thread wanted a CPU and got none is taken away: of what is left, its own time, a thread that spins works all,
whatever else the machine does, and one that sleeps next to nothing. Linux counts both for each thread: schedstat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from labkit import proc
from labkit.faults import Fault
from labkit.scene import Running
from labkit.words import _

MOST_SHARE = 0.1  # of its own time, that an idle thread may work
MOST_WAKES = (
    400.0  # in a second of its own time; who looks every ten milliseconds wakes a hundred times
)
OWN_SECONDS = 0.5  # so much of its own time is looked at
LONGEST = 20.0  # seconds, for which a machine may keep a thread from that


@dataclass(frozen=True)
class Used:
    """What a thread has done since it began: seconds on a CPU, seconds it waited for one, and how often it slept."""

    worked: float
    waited: float
    slept: int


@dataclass(frozen=True)
class Share:
    """What an idle thread did. number: of the thread, 1 is main; part: of its own time in which it worked;
    wakes: a second."""

    number: int
    part: float
    wakes: float

    @property
    def restless(self) -> bool:
        return self.part >= MOST_SHARE or self.wakes >= MOST_WAKES


def sleeps(program: Running, when: str) -> None:
    """No thread of the program may work or wake all the time while nothing happens. when: said of that moment."""
    threads = proc.threads(program.pid)
    found: dict[int, Share] = {}
    for _look in range(2):  # the first may still see the end of what came before
        found = _restless(program)
        if not found:
            return
    one = max(found.values(), key=lambda share: share.part)
    raise Fault(
        _("{when}, a thread does not sleep").format(when=when),
        expected=_("nothing happens, so all threads sleep"),
        got=_(
            "thread {n} of {all} works in {part:.0f}% of the time that it has a CPU for, and wakes {wakes:.0f} times a second"
        ).format(n=one.number, all=len(threads), part=one.part * 100, wakes=one.wakes),
        cause="spins-idle",
    )


def _restless(program: Running) -> dict[int, Share]:
    """The threads that do not sleep, looked at for so long that each has had time of its own."""
    before, began = _used(program.pid), monotonic()
    shares: dict[int, Share] = {}

    def looked_at_all() -> bool:
        after, wall = _used(program.pid), monotonic() - began
        own = {
            thread: wall - after[thread].waited + before[thread].waited
            for thread in before
            if thread in after
        }
        shares.update(_shares(before, after, own))
        return all(time >= OWN_SECONDS for time in own.values())

    program.scene.pace.eventually(looked_at_all, LONGEST)
    return {thread: share for thread, share in shares.items() if share.restless}


def _shares(
    before: Mapping[int, Used], after: Mapping[int, Used], own: Mapping[int, float]
) -> dict[int, Share]:
    """What each thread did with its own time, where it has had enough of it."""
    numbers = {thread: number for number, thread in enumerate(before, 1)}
    return {
        thread: Share(
            numbers[thread],
            (after[thread].worked - before[thread].worked) / time,
            (after[thread].slept - before[thread].slept) / time,
        )
        for thread, time in own.items()
        if time >= OWN_SECONDS / 2
    }


def _used(pid: int) -> dict[int, Used]:
    """What each thread of a process has done so far, in the order of their creation."""
    found = {}
    for thread in proc.threads(pid):
        times = _words(f"/proc/{pid}/task/{thread}/schedstat")
        status = _words(f"/proc/{pid}/task/{thread}/status")
        if len(times) < 2 or "voluntary_ctxt_switches:" not in status:
            continue  # it has ended meanwhile
        slept = int(status[status.index("voluntary_ctxt_switches:") + 1])
        found[thread] = Used(int(times[0]) / 1e9, int(times[1]) / 1e9, slept)
    return found


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().split()
    except OSError:
        return []
