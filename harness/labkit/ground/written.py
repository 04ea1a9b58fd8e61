"""Files that a program under test could write: read, copied and removed without being led elsewhere by it.

Such a directory is the program's own. A symbolic link in it would make us read, and show, a file that the
program itself cannot see, and a named pipe would keep us waiting: only regular files count.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labkit.ground.faults import Fault
from labkit.ground.words import _

MOST_BYTES = 64 << 20
MOST_DEPTH = 8
REMOVAL_SECONDS = 60


def content(path: Path, missing: bytes | None = None) -> bytes:
    """A file's bytes; `missing` where there is none, FileNotFoundError if that is None.

    Fault where it is anything else than a regular file, or holds more than MOST_BYTES.
    """
    data = beginning(path, MOST_BYTES + 1, missing)
    if len(data) > MOST_BYTES:
        raise _too_large(path)
    return data


def beginning(path: Path, size: int, missing: bytes | None = None) -> bytes:
    """The first `size` bytes of a file, or as many as it has; else the same."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        if missing is None:
            raise
        return missing
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EACCES):  # a link, a socket, its mode
            raise _no_file(path) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _no_file(path)
    with os.fdopen(fd, "rb") as file:
        if os.fstat(fd).st_size > MOST_BYTES:
            raise _too_large(path)
        return file.read(size)


def text(path: Path) -> str:
    """The same as text, whatever is in it."""
    return content(path).decode("utf-8", "replace")


def files(directory: Path) -> list[Path]:
    """The regular files in a directory, by name."""
    return sorted(path for path in directory.iterdir() if _is(path, stat.S_ISREG))


def copy(directory: Path, into: Path, depth: int = MOST_DEPTH) -> None:
    """Copy the regular files of a directory, and of those so deep below it, into one that is there."""
    for path in files(directory):
        (into / path.name).write_bytes(content(path))
        shutil.copymode(path, into / path.name)
    for path in directory.iterdir():
        if depth and _is(path, stat.S_ISDIR):
            (into / path.name).mkdir()
            copy(path, into / path.name, depth - 1)


def remove(directory: Path) -> None:
    """Remove a directory, however deep what is in it, and whatever its modes are."""
    with suppress(RecursionError):
        shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        for words in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            with suppress(OSError, subprocess.TimeoutExpired):
                command = [*words, "--", str(directory)]
                subprocess.run(command, stderr=subprocess.DEVNULL, timeout=REMOVAL_SECONDS)


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _too_large(path: Path) -> Fault:
    words = _("{file}: more than {n} MiB")
    return Fault(words.format(file=path.name, n=MOST_BYTES >> 20), cause="flood")


def _no_file(path: Path) -> Fault:
    return Fault(
        _("{file} is not a regular file that can be read").format(file=path.name),
        expected=_("a regular file"),
        got=_kind(path),
    )


def _kind(path: Path) -> str:
    """What stands there instead, as `ls -l` begins its line."""
    try:
        return stat.filemode(path.lstat().st_mode)
    except OSError:
        return _("nothing")
