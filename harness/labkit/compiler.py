"""The compiler as something that a student's source may turn against us: boxed in, bounded, and its words read.

A source can include any file, a device that never ends or a pipe that never speaks, and can make a compiler eat
memory or print for ever. So it runs in the sandbox with limits, and is ended where it goes on too long.
"""

from __future__ import annotations

import math
import os
import re
import selectors
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from labkit import sandbox
from labkit.faults import DidNotCompile, Trouble
from labkit.words import _

CPU_SECONDS = 30  # of one file; a quarter of a second is usual
PATIENCE_SECONDS = 60.0
MOST_WORDS = 1 << 20  # what one command may print, in bytes; the preprocessor gets MOST_TEXT
MOST_TEXT = 64 << 20
LIMITS = sandbox.Limits(cpu=CPU_SECONDS, file_size=64 * sandbox.MIB, memory=2048 * sandbox.MIB)
NOT_STARTED = (126, 127)  # the exit statuses of env(1) for a command that it cannot run
MOST_ERRORS = {"gcc": "-fmax-errors=50", "clang": "-ferror-limit=50"}

# How the compiler, the assembler and the linker say what is wrong. A line of source that is quoted
# begins with blanks and a bar, so its words are not mistaken for the compiler's.
_ERROR = re.compile(
    r"[^\s|][^|]*?\berror: |[^|]*: (undefined reference to|multiple definition of) |\S*ld: .*(cannot|can't) "
)
_CONTEXT = re.compile(r"In file included from |\s+from |[^|]*: [Ii]n function ")
_MACHINE = re.compile(
    r"No space left on device|Disk quota exceeded|Cannot allocate memory|Read-only file system|Input/output error"
)
_PLACE = re.compile(r"\S+\.[ch]:\d+|\s*\d* \|")  # a place in the source, or a line of it


class Endless(Exception):
    """A command that had to be ended: it took too long or said too much."""


def refusal(words: str) -> DidNotCompile | Trouble:
    """What a failed compilation means: the machine's trouble, or the student's error."""
    for line in words.splitlines():
        if line.startswith("bwrap:") or (_MACHINE.search(line) and not _PLACE.match(line)):
            return Trouble(line)
    return DidNotCompile(
        _("the program does not compile"), cause="does-not-compile", details=first_error(words)
    )


def first_error(words: str, most: int = 40) -> str:
    """The compiler's words from the first error on, with what leads to it; at most `most` lines."""
    lines = words.strip("\n").splitlines()
    start = next((i for i, line in enumerate(lines) if _ERROR.match(line)), 0)
    while start and _CONTEXT.match(lines[start - 1]):
        start -= 1
    shown = lines[start : start + most]
    if len(lines) - start > most:
        shown.append(_("… {n} more lines").format(n=len(lines) - start - most))
    return "\n".join(shown)


def compile_in(
    view: sandbox.View, compiler: str, arguments: Sequence[str], until: float = math.inf
) -> str:
    """Run a compiler on a student's files; returns what it said. DidNotCompile or Trouble where it failed.

    until: when it is ended at the latest, on the monotonic clock.
    """
    words = [compiler, "-fdiagnostics-color=never", MOST_ERRORS[compiler], *arguments]
    command = sandbox.command(words, view, limits=LIMITS)
    try:
        done = bounded(command, view.cwd, MOST_WORDS, until)
    except Endless as endless:
        raise DidNotCompile(
            _("the compiler did not come to an end: {why}").format(why=endless),
            cause="does-not-compile",
        ) from None
    if done.returncode in NOT_STARTED:
        raise Trouble(f"{compiler}: {done.stderr.strip()}")
    if done.returncode:
        raise refusal(done.stderr)
    return done.stderr


def look_in(view: sandbox.View, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a tool that only looks at a student's files (the preprocessor, nm) where the compiler ran.

    Endless past MOST_TEXT: then the files are made so.
    """
    return bounded(sandbox.command(command, view, limits=LIMITS), view.cwd, MOST_TEXT)


def bounded(
    command: Sequence[str], cwd: Path, most: int, until: float = math.inf
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Endless past PATIENCE_SECONDS, `until`, or `most` bytes of output."""
    environment = {**sandbox.environment(), "TMPDIR": tempfile.gettempdir()}
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise Trouble(f"{command[0]}: {error}") from error
    with process:
        try:
            out, err = _outputs(process, min(until, began + PATIENCE_SECONDS), most)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, _text(out), _text(err))


def _outputs(process: subprocess.Popen[bytes], deadline: float, most: int) -> tuple[bytes, bytes]:
    """What it printed on both streams, until it has closed them."""
    assert process.stdout and process.stderr
    allowed = max(0.0, deadline - time.monotonic())
    taken = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as open_:
        for fd in taken:
            open_.register(fd, selectors.EVENT_READ)
        while open_.get_map():
            ready = open_.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Endless(_("ended after {s:.0f} s").format(s=allowed))
            for key, _mask in ready:
                data = os.read(key.fd, 1 << 16)
                taken[key.fd] += data
                if not data:
                    open_.unregister(key.fileobj)
            if sum(map(len, taken.values())) > most:
                raise Endless(_("it printed more than {n} MiB").format(n=most >> 20))
    out, err = taken.values()
    return bytes(out), bytes(err)


def _text(words: bytes) -> str:
    return words.decode("utf-8", "backslashreplace")
