"""Runs a program to its end in a directory and a network of its own, for a bounded time; nothing of it is left."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.box import network, sandbox
from labkit.box.program import Program
from labkit.box.stream import Ended
from labkit.ground.journal import Journal
from labkit.ground.pace import Pace

SECONDS = 10.0  # of an idle machine
LIMITS = sandbox.Limits(cpu=20, file_size=8 * sandbox.MIB, tmp=8 * sandbox.MIB)


@dataclass(frozen=True)
class Outcome:
    """What a program printed and how it ended; ended: None where it did not come to an end in time."""

    output: str
    ended: Ended | None


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A directory that goes away with its contents."""
    return tempfile.TemporaryDirectory(prefix="lab-experiment-", ignore_cleanup_errors=True)


def run_program(
    program: Path,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    terminal: bool = True,
    seconds: float = SECONDS,
) -> Outcome:
    """Run a program, or a Python file.

    terminal: its stdout and stderr are one terminal, whose text is returned; else only stdout counts.
    """
    with scratch() as here:
        place = Path(here)
        shutil.copy(program, place / program.name)
        python = program.suffix == ".py"
        argv = ["python3", program.name] if python else [f"./{program.name}"]
        return _watched([*argv, *arguments], place, environment or {}, terminal, seconds)


def _watched(
    argv: list[str], here: Path, environment: Mapping[str, str], terminal: bool, seconds: float
) -> Outcome:
    mark = f"LAB_EXPERIMENT={uuid.uuid4().hex}"
    env = {**environment, **dict([mark.split("=")]), "PYTHONDONTWRITEBYTECODE": "1"}
    reader, writer = os.pipe() if sandbox.available() else (-1, -1)
    boxed = sandbox.command(
        argv,
        sandbox.View(cwd=here),
        env=env,
        limits=LIMITS,
        status_fd=writer if writer >= 0 else None,
        filtered=False,  # ss(8) asks the kernel by netlink
    )
    running = Program(
        argv[0],
        [*loopback().inside(), *boxed],
        Journal(),
        cwd=here,
        status=(reader, writer) if writer >= 0 else None,
        mark=mark,
        terminals=("stdout", "stderr") if terminal else (),
    )
    try:
        ended = running.wait(Pace().deadline(seconds))
    finally:
        running.close()
    output = running.stdout.text().replace("\r\n", "\n")
    return Outcome(output, None if running.killed_for else ended)


@functools.cache
def loopback() -> network.Network:
    """The network of all experiments of this process: loopback only, where one can be had.

    Call it first from a thread that lasts: the process that holds the network open ends with the thread that started it.
    """
    made = network.make(sandbox.available(), "roomy")
    atexit.register(made.close)
    return made
