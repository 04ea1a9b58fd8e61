"""How much a program has written into the files of its directories."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from labkit.box import sandbox

MOST_WRITTEN = 512 * sandbox.MIB  # into all files of its directories
MOST_ENTRIES = 10_000  # of its directories
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
