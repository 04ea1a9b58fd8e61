"""Directories for a while, that are gone afterwards; and what a run left that was killed, gone with the next one.

Each is locked for as long as its maker lives (flock(2), which the kernel lets go of whatever ends a process). One
that nobody has locked is nobody's any more.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labkit.ground import written

PREFIX = "labkit-scratch-"  # no name that a person would give
FRESH_SECONDS = 60.0  # from its making to its lock: microseconds, on a stopped machine more
_NAME = re.compile(PREFIX + r"([a-z]+-)?[a-z0-9_]{8}")


class Scratch:
    """A directory of ours, until `remove`. where: the directory it is made in; None is that for such things."""

    def __init__(self, name: str = "", where: Path | None = None) -> None:
        prefix = PREFIX + (f"{name}-" if name else "")
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
        self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove it, also where Ctrl-C comes meanwhile. Once more does no harm."""
        try:
            written.remove(self.path)
        except KeyboardInterrupt:
            written.remove(self.path)
            raise
        finally:
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1


@contextmanager
def directory(name: str = "", where: Path | None = None) -> Iterator[Path]:
    """A directory inside this context."""
    scratch = Scratch(name, where)
    try:
        yield scratch.path
    finally:
        scratch.remove()


def sweep(where: Path | None = None) -> None:
    """Remove what runs of this user left in a directory that did not live to do it themselves."""
    with suppress(OSError):  # there may be no such place; code that needs one says so
        where = where or Path(tempfile.gettempdir())
    for path in where.glob(PREFIX + "*") if where else ():
        with suppress(OSError):
            if _NAME.fullmatch(path.name) and _left(path):
                written.remove(path)


def _left(path: Path) -> bool:
    """Whether a directory is ours, and the process that made it is gone."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or time.time() - status.st_ctime < FRESH_SECONDS:
            return False
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
