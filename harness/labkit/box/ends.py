"""The two ends of a program's outputs: pipes, or a terminal; reading from many of them."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
from collections.abc import Sequence


def shown_on(terminals: Sequence[str]) -> str:
    """The stream that gets what comes from a terminal."""
    return next(name for name in terminals if name != "stdin")


def outputs(terminals: Sequence[str], columns: int) -> tuple[dict[str, int], dict[str, int]]:
    """Our ends and the program's of its stdout and stderr: pipes, or one terminal for those named.

    If stdin is named, that terminal is the program's stdin too.
    """
    ours: dict[str, int] = {}
    theirs: dict[str, int] = {}
    if terminals:
        ours[shown_on(terminals)], slave = os.openpty()
        set_columns(slave, columns)
        theirs = {stream: slave for stream in terminals}
    for stream in ("stdout", "stderr"):
        if stream not in theirs:
            ours[stream], theirs[stream] = os.pipe()
    return ours, theirs


def set_columns(fd: int, columns: int) -> None:
    """Set a terminal's window to so many columns of 24 lines: ioctl_tty(2)."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def read(fd: int) -> bytes:
    """What has come; empty at the end, which a terminal shows by an error."""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""


def waiting(fd: int) -> int:
    """How many bytes are there to be read: ioctl(2), FIONREAD."""
    (count,) = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))
    return int(count)


def ready(fds: Sequence[int], seconds: float) -> list[int]:
    """Those of the descriptors that can be read, at the latest after `seconds`. Not select(2), which ends at 1023."""
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    return [fd for fd, _events in poller.poll(seconds * 1000)]
