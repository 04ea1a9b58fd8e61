"""How much a program has written into the files of its directories, also into those that it has deleted."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from labkit.box import sandbox
from labkit.ground import proc

MOST_WRITTEN = 512 * sandbox.MIB  # into all files of its directories
MOST_ENTRIES = 10_000  # of its directories
LOOK_SHARE = 0.02  # of the time, that looks at descriptors may take
MOST_PATH = 2_000  # characters: longer ones than the kernel takes could not be looked at


def written(places: Sequence[Path]) -> int:
    """The bytes on disk of all files in these directories and below; more than allowed where they are too many."""
    total, entries, left = 0, 0, [str(place) for place in places]
    while left:
        with suppress(OSError), os.scandir(left.pop()) as found:
            for entry in found:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                entries += 1
                if entries > MOST_ENTRIES or len(entry.path) > MOST_PATH:
                    return MOST_WRITTEN + 1
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
    return total


class Disk:
    """How much of it a program takes, for one who asks again and again: thousands of descriptors are not read each time.

    places: the directories of this machine that the program can write to.
    """

    def __init__(self) -> None:
        self.places: tuple[Path, ...] = ()
        self._held, self._look_at = 0, 0.0

    def taken(self, family: Iterable[int]) -> int:
        """The bytes in its directories, and of deleted files that these processes held at the last look at them."""
        began = time.monotonic()
        if began >= self._look_at:
            self._held = held(self.places, family)
            now = time.monotonic()
            self._look_at = now + (now - began) / LOOK_SHARE
        return written(self.places) + self._held


def held(places: Sequence[Path], family: Iterable[int]) -> int:
    """The bytes on disk of files that have no name any more, and that these processes hold open.

    Only those on the disks of these directories: a file in memory fills none.
    """
    # By device and inode: several descriptors may be of one file.
    sizes: dict[tuple[int, int], int] = {}
    disks = {os.stat(place).st_dev for place in places if place.exists()}
    for pid in family:
        gone = [n for n, target in proc.descriptors(pid).items() if target.endswith(" (deleted)")]
        thread = proc.first_thread(pid) if gone else 0
        for n in gone:
            with suppress(OSError):
                found = os.stat(f"/proc/{thread}/fd/{n}")
                if stat.S_ISREG(found.st_mode) and found.st_dev in disks and not found.st_nlink:
                    sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())
