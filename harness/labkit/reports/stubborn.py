"""Loops that try for a lock until they have it, and let nothing go meanwhile: as good as waiting for ever.

Whether a call of trylock backs off cannot be seen from outside, as long as it succeeds. So the source is read, and only
what leaves no doubt counts: `while (pthread_mutex_trylock(&lock) != 0) sched_yield();` and its like, where the loop's
condition is the call alone and its body is empty, or does nothing but let time pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from labkit.box import addresses
from labkit.box.lockrecord import Wait
from labkit.box.symbols import Runner
from labkit.ground.stacks import Frame, own, source_lines

LINES = 6  # of such a loop, from the line of the call on

_TRY = r"(?:pthread_(?:mutex|spin)_try\w*lock|pthread_rwlock_try(?:rd|wr)lock|mtx_trylock)"
_PASSES_TIME = r"(?:sched_yield|thrd_yield|pthread_yield|usleep|sleep|nanosleep|thrd_sleep|poll)"
_ARGUMENTS = r"\((?:[^;()]|\(struct timespec\))*\)"
_PASS = rf"(?:(?:(?:\(void\)\s*)?{_PASSES_TIME}\s*{_ARGUMENTS}|continue)?\s*;)"
_NOTHING = rf"(?:{_PASS}|\{{\s*{_PASS}?\s*\}})"
_LOOP = re.compile(
    rf"\bwhile\s*\(\s*{_TRY}\s*\([^()]*\)\s*(?:!=\s*(?:0|thrd_success)|==\s*(?:EBUSY|thrd_busy))?\s*\)\s*{_NOTHING}"
)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def stubborn(
    tries: Sequence[Wait], program: Path, source_dir: Path, run: Runner
) -> tuple[Wait, ...]:
    """Those of the tries that are made again and again with what is held. program: the file that was run."""
    sites = {wait.wanted.site - 1 for wait in tries if wait.wanted.site}
    frames = addresses.lines(program, sites, run)
    sure = {site + 1 for site in frames if _insists(own(frames[site]), source_dir)}
    return tuple(wait for wait in tries if wait.wanted.site in sure)


def _insists(frame: Frame | None, source_dir: Path) -> bool:
    """Whether the call in this line is such a loop's."""
    if not frame or not frame.line:
        return False
    text = "\n".join(line for n, line in source_lines(frame, source_dir, LINES) if n >= frame.line)
    return _LOOP.match(_COMMENT.sub(" ", text).lstrip()) is not None
