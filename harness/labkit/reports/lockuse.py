"""Where a program takes locks only when a tool watches it: the same scenario, seen by the shim's record both times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from labkit.box import addresses
from labkit.box.lockrecord import Record
from labkit.box.symbols import Runner
from labkit.ground.stacks import own

Line = tuple[str, int]  # a file's name, a line
LEAST = 10  # times that a lock is taken in a line under a tool before its absence elsewhere means anything


def lines(record: Record, program: Path, files: Iterable[str], run: Runner) -> Counter[Line]:
    """How often a lock was taken in each line of the student's own files. program: what was run."""
    # A site is where a call returns to: the call itself lies before.
    found = addresses.lines(program, [site - 1 for site in record.taken], run)
    names = list(files)
    counts: Counter[Line] = Counter()
    for site, times in record.taken.items():
        top = own(found.get(site - 1, ()), names)
        if top and top.name and top.line:
            counts[top.name, top.line] += times
    return counts


def only_watched(
    watched: Counter[Line], clients: int, plain: Sequence[Counter[Line]]
) -> list[Line]:
    """The lines that take a lock for at least every second of the clients where a tool watches, and never without one.

    plain: of one run or several. A lock that is wanted by chance, after a collision or a time-out, is taken now and
    then, and in both.
    """
    never = [line for line in watched if not any(counts[line] for counts in plain)]
    return sorted(line for line in never if watched[line] >= max(LEAST, clients // 2))
