"""The processes that a program leads to: the sandbox's first one, and descendants that were handed to us."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from typing import IO

from labkit.ground import proc


def first_process(status: IO[bytes]) -> int:
    """The id of the sandbox's first process, which bubblewrap writes as JSON; 0 if it did not start."""
    try:
        return int(json.loads(status.readline())["child-pid"])
    except (ValueError, KeyError):
        return 0


def pidfd_of(pid: int) -> int | None:
    """A descriptor of a process, which no other process can take over; None where it has ended."""
    try:
        return os.pidfd_open(pid) if pid else None
    except ProcessLookupError:
        return None


def reap_orphans(ours: set[int]) -> None:
    """Reap dead descendants of programs, which were handed to us; not what `Popen` itself waits for."""
    for pid in proc.children(os.getpid()):
        if pid not in ours and not proc.threads(pid):
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def orphans(ours: set[int]) -> list[int]:
    """Living descendants of programs that were handed to us. A program has a session of its own, a helper ours."""
    return [
        pid
        for pid in proc.children(os.getpid())
        if pid not in ours and proc.threads(pid) and _session(pid) != os.getsid(0)
    ]


def _session(pid: int) -> int:
    """A process's session; ours where it has ended, so that it is left alone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return os.getsid(0)


def send_quietly(pid: int, number: signal.Signals) -> None:
    if pid:
        try:
            os.kill(pid, number)
        except OSError:
            pass
