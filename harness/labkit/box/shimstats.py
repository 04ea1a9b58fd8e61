"""What the perturbation shim has counted in a program: the file that PERTURB_STATS names.

The form of the file's beginning is `struct shim_stats` of harness/native/perturb.h. It is shared memory, so it
can be read while the program runs, and it is complete however the program ended.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from labkit.ground import written
from labkit.ground.faults import Trouble
from labkit.ground.words import _

_FORM = struct.Struct("=16Q128s")  # magic, version, process id, then the counters, and a path
_MAGIC = int.from_bytes(b"PERTUR1", "big")
_VERSION = 2


@dataclass(frozen=True)
class ShimStats:
    """The shim's counters, for the process that it was first loaded into.

    created, joined, detached: threads that were started, joined, and detached or started so. ended: those whose
    routine has returned, or that called pthread_exit or were cancelled. alive: started and not ended;
    most_alive: the most at once. refused: thread creations that met PERTURB_MAX_THREADS.
    accepted: connections taken. stale_uses: calls that failed with EBADF on a descriptor that accept once
    returned; double_closes: those among them that were a close. shortened: socket calls cut short.
    delays: yields and sleeps put in.
    looks: at the harness's own directories beside it; looked_at: the first of those paths.
    """

    created: int
    joined: int
    detached: int
    ended: int
    alive: int
    most_alive: int
    refused: int
    accepted: int
    stale_uses: int
    double_closes: int
    shortened: int
    delays: int
    looks: int
    looked_at: str = field(default="", kw_only=True)

    @property
    def unclaimed(self) -> int:
        """Threads that were neither joined nor detached."""
        return self.created - self.joined - self.detached


def read(path: Path) -> ShimStats:
    """The counters so far. Trouble where the shim was not loaded or is another version.

    The program can write that file: Fault where it is damaged.
    """
    try:
        content = written.beginning(path, _FORM.size)
    except OSError as error:
        words = _("the shim's counters cannot be read: {why}")
        raise Trouble(words.format(why=error)) from error
    if len(content) != _FORM.size:
        raise Trouble(_("{path} does not hold the shim's counters").format(path=path))
    magic, version, _pid, *counters, looked_at = _FORM.unpack(content)
    if (magic, version) != (_MAGIC, _VERSION):
        raise Trouble(_("{path} does not hold the shim's counters").format(path=path))
    path_looked_at = looked_at.partition(b"\0")[0].decode("utf-8", "replace")
    return ShimStats(*counters, looked_at=path_looked_at)
