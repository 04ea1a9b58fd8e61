"""How much a program has written into the files of its directories, also into those that it has deleted."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from labkit.box import sandbox
from labkit.ground import proc

MOST_WRITTEN = 512 * sandbox.MIB  # into all files of its directories
MOST_ENTRIES = 10_000  # of its directories
MOST_PATH = 2_000  # characters: longer ones than the kernel takes could not be looked at


def written(places: Sequence[Path], family: Iterable[int] = ()) -> int:
    """The bytes on disk of all files in these directories and below; more than allowed where they are too many.

    family: processes, whose deleted files count as long as they hold them open.
    """
    total, entries, left = held(places, family), 0, [str(place) for place in places]
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


def held(places: Sequence[Path], family: Iterable[int]) -> int:
    """The bytes on disk of files that have no name any more, and that these processes hold open.

    Only those on the disks of these directories: a file in memory fills none.
    """
    sizes: dict[tuple[int, int], int] = {}  # by device and inode: several descriptors may be of one file
    disks = {os.stat(place).st_dev for place in places if place.exists()}
    for pid in family:
        gone = [n for n, target in proc.descriptors(pid).items() if target.endswith(" (deleted)")]
        for path in (view / "fd" / str(n) for n in gone for view in proc.views(pid)):
            with suppress(OSError):
                found = os.stat(path)
                if stat.S_ISREG(found.st_mode) and found.st_dev in disks and not found.st_nlink:
                    sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())
