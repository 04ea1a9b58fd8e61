"""Tools of ours, run to their end: bounded by the CPU time that they use, not by the clock on the wall.

The compiler, the preprocessor, the binutils: on a busy machine each of them may take minutes for the work of a
quarter of a second, and that is nobody's fault but the machine's. A source that keeps one of them busy, or
makes it wait for a terminal at which nobody types, shows itself by CPU time used, or by none wanted.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.ground import proc, usage
from labkit.ground.faults import Trouble
from labkit.ground.usage import Usage
from labkit.ground.words import _

FIRST_LOOK, LAST_LOOK = 0.02, 0.2  # seconds between two looks at a command, at first and in the end
MOST_PROCESSES = 64  # of a command that are looked at


@dataclass(frozen=True)
class Bounds:
    """What a command may use. cpu: seconds of all its processes. output: bytes on both streams.

    asleep: seconds in which none of its processes wants a CPU: then it waits for what never comes.
    wall: seconds after which it is given up, whatever it does: a command that was only slow has then got too
    little of this machine.
    """

    cpu: float = 60.0
    output: int = 1 << 20
    asleep: float = 15.0
    wall: float = 300.0


@dataclass(frozen=True)
class Done:
    """A command that has ended: its status (negative: a signal), what it said, what it was seen to use."""

    status: int
    out: str
    err: str
    used: Usage

    def completed(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """The same in the standard library's form."""
        return subprocess.CompletedProcess(command, self.status, self.out, self.err)


class Endless(Exception):
    """A command that had to be ended: it used too much CPU time, said too much, or waited for ever.

    used, out: what it had used, and printed on stdout, by then.
    """

    def __init__(self, why: str, used: Usage, out: bytes = b"") -> None:
        super().__init__(why)
        self.used = used
        self.out = out


def run(
    command: Sequence[str],
    cwd: Path,
    bounds: Bounds,
    env: Mapping[str, str] | None = None,
    *,
    session: bool = False,
) -> Done:
    """Run a command without input to its end. session: in one of its own, which no Ctrl-C reaches.

    Raises Endless past one of its bounds; Trouble where it cannot be started, or got too little of this machine.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=session,
        )
    except OSError as error:
        raise Trouble(f"{command[0]}: {error}") from error
    with process:
        watched = _Watched(process, bounds)
        try:
            out, err = watched.outputs()
            watched.end()
        except BaseException:
            _kill(process)
            raise
    return Done(process.returncode, _text(out), _text(err), watched.used)


class _Watched:
    """A command while it runs: what it has said and used so far."""

    def __init__(self, process: subprocess.Popen[bytes], bounds: Bounds) -> None:
        self._process = process
        self._bounds = bounds
        self._began = self._woke = self._looked = time.monotonic()
        self._pause = FIRST_LOOK
        self._taken: dict[int, bytearray] = {}  # what it has printed: stdout, then stderr
        self.used = Usage()

    def outputs(self) -> tuple[bytes, bytes]:
        """What it printed on both streams, until it has closed them."""
        assert self._process.stdout and self._process.stderr
        streams = self._process.stdout.fileno(), self._process.stderr.fileno()
        self._taken = {fd: bytearray() for fd in streams}
        with selectors.DefaultSelector() as open_:
            for fd in streams:
                open_.register(fd, selectors.EVENT_READ)
            while open_.get_map():
                for key, _mask in open_.select(self._pause):
                    data = os.read(key.fd, 1 << 16)
                    self._taken[key.fd] += data
                    if not data:
                        open_.unregister(key.fileobj)
                self._look()
                if sum(map(len, self._taken.values())) > self._bounds.output:
                    n = self._bounds.output >> 20
                    raise self._endless(_("it printed more than {n} MiB").format(n=n))
        out, err = self._taken.values()
        return bytes(out), bytes(err)

    def end(self) -> None:
        """Wait for its end, which comes once its outputs are closed, or after it."""
        while True:
            try:
                self._process.wait(self._pause)
                return
            except subprocess.TimeoutExpired:
                self._look()

    def _look(self) -> None:
        """See what it uses, if it is time to. Endless or Trouble past a bound."""
        now = time.monotonic()
        if now - self._looked < self._pause:
            return
        self._looked, self._pause = now, min(LAST_LOOK, self._pause * 1.5)
        seen = usage.of(proc.tree(self._process.pid, MOST_PROCESSES))
        if not seen.asleep or seen.cpu > self.used.cpu:
            self._woke = now
        self.used = Usage(max(seen.cpu, self.used.cpu), max(seen.peak, self.used.peak), seen.asleep)
        self._judge(now)

    def _judge(self, now: float) -> None:
        if self.used.cpu > self._bounds.cpu:
            words = _("it used {s:.0f} s of CPU time")
            raise self._endless(words.format(s=self.used.cpu))
        if now - self._woke > self._bounds.asleep:
            words = _("it did nothing for {s:.0f} s: it waits for what never comes")
            raise self._endless(words.format(s=now - self._woke))
        if now - self._began > self._bounds.wall:
            raise starved(self.used.cpu, now - self._began)

    def _endless(self, why: str) -> Endless:
        return Endless(why, self.used, bytes(next(iter(self._taken.values()), b"")))


def starved(cpu: float, seconds: float) -> Trouble:
    """The machine's trouble: a tool got so many seconds of CPU time in so many of the clock on the wall."""
    words = _("the machine is too busy: a tool of ours got {cpu:.1f} s of CPU time in {s:.0f} s")
    return Trouble(words.format(cpu=cpu, s=seconds))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it and what it started; where that is in no sandbox, it does not end with the first of them."""
    for pid in reversed(proc.tree(process.pid, MOST_PROCESSES)):
        try:
            os.kill(pid, 9)
        except OSError:
            continue


def _text(words: bytes) -> str:
    return words.decode("utf-8", "backslashreplace")
