"""Runs rows under a tool: many in one process, and alone where one of them does not come to its end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from knowledge.reports import Reader, Reports
from labkit.ground import proc
from labkit.ground.faults import Trouble
from labkit.ground.pace import Pace

SPINNING_SECONDS = 20.0  # that a row may take under any tool, on an idle machine
LOOK_SECONDS, SLEEPING_LOOKS = 0.2, 25  # a row waits for a few milliseconds, never longer
HANGS, REFUSED = "hangs", "fails"
_ROW_IS_WRONG = (3, 4, 5)  # the exit statuses of row.h and group.c


@dataclass(frozen=True)
class Way:
    """A tool and how it is used.

    program: the group's. before: the words that stand before it; {log} is its log's path.
    environment: for the program, with {log} and {seed}. reader: finds the reports in the log.
    others: rows that are run alone, in another program, by name.
    """

    name: str
    program: Path
    reader: Reader
    before: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What one row did in one run. ended: empty where it came to its end, else how it ended."""

    ended: str = ""
    reports: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Process:
    """A process that has ended. started: the rows that began, in order. ended: as in Outcome."""

    started: list[str]
    ended: str
    reports: Reports
    words: str


def run(
    way: Way, twin: int, names: Sequence[str], seed: int = 1, alone: set[str] | None = None
) -> dict[str, Outcome]:
    """Run these rows once. alone: those that are run in a process of their own; more are added to it.

    A row at which the process ends, or stands still, counts by what it does alone, and so does the row before
    it: ThreadSanitizer ends a program that uses a thread's number again which it believes to be in use still.
    Trouble where the tool does not start.
    """
    apart = alone if alone is not None else set()
    apart.update(way.others)
    found: dict[str, Outcome] = {}
    while together := [name for name in names if name not in apart]:
        process = _process(way, twin, together, seed)
        if not process.ended:
            found.update(_outcomes(process, together))
            break
        if not process.started:
            raise Trouble(f"{way.name}: {process.ended}: {process.words}")
        apart.update(process.started[-2:])
    for name in names:
        if name in apart:
            process = _process(way, twin, [name], seed)
            found |= {
                row: Outcome(process.ended, outcome.reports)
                for row, outcome in _outcomes(process, [name]).items()
            }
    return found


def _outcomes(process: _Process, names: Sequence[str]) -> dict[str, Outcome]:
    """Each row's part of the reports. Trouble where a report names none."""
    if lost := process.reports.get(""):
        raise Trouble(f"reports that name no row: {dict(lost)}")
    return {name: Outcome("", process.reports.get(name, Counter())) for name in names}


def _process(way: Way, twin: int, names: Sequence[str], seed: int) -> _Process:
    """Run these rows in one process to its end."""
    with tempfile.TemporaryDirectory(prefix="rows-") as scratch:
        home = Path(scratch)
        places = {"log": f"{home}/log", "seed": str(seed)}
        words = [word.format(**places) for word in way.before]
        environment = {key: value.format(**places) for key, value in way.environment.items()}
        program = way.others.get(names[0], way.program)
        with open(home / "stderr", "wb") as stderr:
            process = subprocess.Popen(
                ["setarch", "-R", *words, str(program), str(twin), *names],
                env={"PATH": "/usr/bin:/bin", **environment},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        started, stood_still = _watch(process)
        said = (home / "stderr").read_text(errors="replace")
        log = "\n".join(path.read_text(errors="replace") for path in sorted(home.glob("log*")))
        ended = HANGS if stood_still else _ending(process.returncode, started)
        reports = way.reader(log, names) if started and not ended else {}
        return _Process([n for n in started if n != "end"], ended, reports, said[-2000:])


def _watch(process: subprocess.Popen[bytes]) -> tuple[list[str], bool]:
    """Read the rows' names until the end; whether the process had to be ended since it stood still."""
    assert process.stdout
    said = b""
    try:
        with process.stdout as pipe:
            while _hears(pipe.fileno(), process.pid):
                part = os.read(pipe.fileno(), 4096)
                if not part:
                    process.wait()
                    return said.decode().split(), False
                said += part
        return said.decode().split(), True
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _hears(fd: int, pid: int) -> bool:
    """Wait for something to read; False where the process goes round and round, or sleeps for ever.

    It sleeps for ever if it was seen many times with no thread that runs or wants to. A machine that is busy
    with others brings no such thing about: what has to wait for a processor is runnable.
    """
    deadline, asleep = Pace().deadline(SPINNING_SECONDS), 0
    while not select.select([fd], [], [], LOOK_SECONDS)[0]:
        busy = any(proc.state(pid, thread) in "RD" for thread in proc.threads(pid))
        asleep += not busy
        if asleep >= SLEEPING_LOOKS or deadline.passed:
            return False
    return True


def _ending(status: int, started: Sequence[str]) -> str:
    """How a process ended: empty where all its rows came to their end."""
    if started and started[-1] == "end":
        return ""
    if status < 0:
        return signal.Signals(-status).name
    return REFUSED if status in _ROW_IS_WRONG else f"status {status}"
