"""For the self-tests: `harness/lab` as a person types it, what it says, and what it leaves behind."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forge import KNOWN, environment, forge
from labkit.ground import proc
from labkit.ground.catalog import HARNESS, ROOT, SOLUTIONS, Lab, Step, find
from labkit.ground.pace import Pace

LAB = HARNESS / "lab"
HOSTILE = Path(__file__).parent / "hostile"
SECONDS = 400
MACHINE_TROUBLE, AGAIN = 3, 3
GONE_SECONDS = 10.0
DYING_SECONDS = 2.0
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h

# An invented lab, for tests of code that reads labs.
SAMPLE = Lab(
    "07",
    "07-sample",
    "A sample",
    "Образец",
    ("sample",),
    (Step(1, "First", "Первый", 30), Step(2, "Second", "Второй", 50, (1,)), Step(3, "3", "3", 20)),
)


@dataclass(frozen=True)
class Ran:
    """How a command ended. left: the processes that it left behind, by name."""

    status: int
    out: str
    err: str
    seconds: float
    left: tuple[str, ...]

    @property
    def words(self) -> str:
        return self.out + self.err


class Orphans:
    """What a command leaves behind, once it has ended: its orphans are handed to us."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._before = set(proc.children(os.getpid()))

    def after(self, seconds: float) -> dict[int, str]:
        """Those that are left, by name, if some are after so many seconds: a killed process may take its time to die."""
        until = time.monotonic() + seconds
        while (left := self._left()) and time.monotonic() < until:
            time.sleep(0.02)
        return left

    def ended(self) -> tuple[str, ...]:
        """Kill what is left, so that one failure does not bring the next; the names."""
        left = self.after(DYING_SECONDS)
        for pid in left:
            _kill(pid)
        return tuple(left.values())

    def _left(self) -> dict[int, str]:
        """Dead ones are only waiting for somebody to ask after them."""
        pids = set(proc.children(os.getpid())) - self._before - KNOWN
        return {pid: _name(pid) for pid in pids if proc.state(pid) not in ("Z", "")}


class Command:
    """A command that is running, in a process group of its own, and whatever it starts."""

    def __init__(
        self,
        words: Sequence[str | Path],
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        stdout: int = subprocess.PIPE,
    ) -> None:
        self._orphans = Orphans()
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            [str(word) for word in words],
            cwd=cwd,
            env={**environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=hear_signals,
        )
        KNOWN.add(self.process.pid)

    def wait(self, seconds: float = SECONDS) -> Ran:
        """Wait for its end. Kills what it left behind, so that one failure does not bring the next."""
        try:
            out, err = self.process.communicate(timeout=seconds)
        finally:
            took = time.monotonic() - self._began
            _kill(self.process.pid if self.process.poll() is None else 0)
            left = self._orphans.ended()
            self.process.wait()
        return Ran(self.process.returncode, out or "", err or "", took, left)

    def gone(self) -> list[str]:
        """Wait until nothing of it is there any more; what is left in the end."""
        return list(self._orphans.after(GONE_SECONDS).values())

    def descendants(self) -> list[str]:
        """The names of all that it has started."""
        return [_name(pid) for pid in proc.tree(self.process.pid)]

    def wait_for(self, name: str) -> None:
        """Wait until it has started a program of this name, and that one is running."""
        until = time.monotonic() + SECONDS
        while name not in self.descendants():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until, self.descendants()
            time.sleep(0.01)

    def send(self, number: signal.Signals, to_group: bool = False) -> None:
        """A signal to the process, or, as a terminal does it, to its group."""
        (os.killpg if to_group else os.kill)(self.process.pid, number)


def lab(
    *arguments: str | Path,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    inside: Sequence[str | Path] = (),
) -> Ran:
    """What `harness/lab` does and says, to its end. inside: a command that runs it.

    In a process that has been forked from one like it, where nothing speaks against that: see forge.py.
    """
    whole = {**environment(), **(env or {})}
    if inside or not forge().fits(whole):
        return Command([*inside, LAB, *arguments], cwd, env).wait()
    orphans, began = Orphans(), time.monotonic()
    try:
        status, out, err = forge().run([str(word) for word in arguments], SECONDS, whole, cwd)
        took = time.monotonic() - began
    finally:
        left = orphans.ended()
    return Ran(status, out, err, took, left)


def judged(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Ran:
    """The same for what gets a verdict; asked again where the machine was too busy to give one."""
    for _again in range(AGAIN):
        ran = lab(*arguments, env=env)
        if ran.status != MACHINE_TROUBLE:
            break
    return ran


def entries(report: Path, name: str = "02-threaded-echo") -> list[dict[str, Any]]:
    """The entries of a lab's results.json. Sees too that JSON and JUnit XML are well-formed."""
    ET.parse(report / name / "junit.xml")
    results = json.loads((report / name / "results.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = results["tests"]
    return found


def verdicts(report: Path, name: str = "02-threaded-echo") -> list[str]:
    """The verdicts of a lab's steps, in order."""
    return [test["extra_data"]["verdict"] for test in entries(report, name)]


def hostile(work: Path, name: str, define: str = "") -> Path:
    """A work directory whose lab 02 is one of the hostile programs. define: `NAME VALUE`."""
    source = (HOSTILE / f"{name}.c").read_text(encoding="utf-8")
    head = f"#define {define}\n" if define else ""
    header = (HOSTILE / "hostile.h").read_bytes()
    return submission(work, {"echo_server.c": head + source, "hostile.h": header})


def submission(work: Path, files: Mapping[str, str | bytes]) -> Path:
    """A work directory whose lab 02 holds these files."""
    home = work / two().name
    home.mkdir(parents=True)
    for name, content in files.items():
        (home / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return work


def reference(work: Path, name: str = "02-threaded-echo") -> Path:
    """A work directory with a copy of a lab's reference."""
    shutil.copytree(SOLUTIONS / name, work / name)
    return work


def step_one(work: Path, *options: str, env: dict[str, str] | None = None) -> Ran:
    """Check a work directory's first step, or another; what must hold however bad the submission is."""
    words = ("check", "02", "--work", work, "--step", "1", "--report", work, *options)
    for _try in range(2):  # a load that comes and goes meanwhile stretches the harness's deadlines
        pace = Pace().factor()
        ran = judged(*words, env=env)
        in_time = ran.seconds < 15 * max(pace, Pace().factor())
        if in_time:
            break
    assert (ran.status, ran.left) == (1, ()), ran.words
    (step,) = entries(work)
    assert (step["status"], step["score"]) == ("failed", 0)
    assert step["extra_data"]["verdict"] == "failed"
    assert "Traceback" not in ran.words + step["output"]
    assert not unprintable(ran.words + step["output"])
    assert in_time, ran.words
    return ran


def cause(work: Path) -> str | None:
    """The named cause of the only step."""
    (step,) = entries(work)
    named: str | None = step["extra_data"]["cause"]
    return named


def two() -> Lab:
    """Lab 02."""
    return find("02")


def unprintable(text: str) -> set[str]:
    """The characters in a text that would steer a terminal."""
    return {character for character in text if not character.isprintable()} - {"\n", "\t"}


def hear_signals() -> None:
    """Also where the tests run as a script's background job, which ignores Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        if pid:
            os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
