"""The compiler as something that a student's source may turn against us: boxed in, bounded, and its words read.

A source can include any file, a device that never ends or a pipe that never speaks, and can make a compiler eat
memory or print for ever. So it runs in the sandbox with limits, and is ended where it uses too much. What it
needs too much of because of the source is the source's fault; what it lacks because of the machine is ours.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from labkit.box import bounded, sandbox
from labkit.box.bounded import Bounds, Done, Endless
from labkit.ground.faults import DidNotCompile, Trouble
from labkit.ground.usage import Usage
from labkit.ground.words import _

CPU_SECONDS = 30  # of one file; a quarter of a second is usual
MOST_WORDS = 1 << 20  # what one command may print, in bytes; the preprocessor gets MOST_TEXT
MOST_TEXT = 64 << 20
LIMITS = sandbox.Limits(cpu=CPU_SECONDS + 10, file_size=64 * sandbox.MIB, memory=2048 * sandbox.MIB)
BOUNDS = Bounds(cpu=CPU_SECONDS, output=MOST_WORDS)
ORDINARY = 512 * sandbox.MIB  # of memory: no file of these labs takes a third of it
KILLED = (137, -9)  # the exit statuses of what was ended by SIGKILL, in the sandbox and without
NOT_STARTED = (126, 127)  # the exit statuses of env(1) for a command that it cannot run
MOST_ERRORS = {"gcc": "-fmax-errors=50", "clang": "-ferror-limit=50"}

# How the compiler, the assembler and the linker say what is wrong. A line of source that is quoted
# begins with blanks and a bar, so its words are not mistaken for the compiler's.
_ERROR = re.compile(
    r"[^\s|][^|]*?\berror: |[^|]*: (undefined reference to|multiple definition of) |\S*ld: .*(cannot|can't) "
)
_CONTEXT = re.compile(r"In file included from |\s+from |[^|]*: [Ii]n function ")
_PLACE = re.compile(r"\S+\.[ch]:\d+|\s*\d* \|")  # a place in the source, or a line of it

# What only the machine can lack: words of the C library, at the end of a line.
_MACHINE = re.compile(
    r": '?(No space left on device|Disk quota exceeded|Read-only file system|Input/output error"
    r"|Resource temporarily unavailable|Too many open files( in system)?)'?\.?$"
)
_QUOTED = re.compile(r": (undefined reference to|multiple definition of) ")  # a name as it likes
# What starts the compiler; before it there was nothing that a source can bring about.
_BEFORE_IT = re.compile(r"(bwrap|nsenter|prlimit|setarch|setpriv|choom|(/usr/bin/)?env): ")
# In the sandbox it is a small place of its own, which only this source can have filled.
_SCRATCH_FULL = re.compile(r"(writing to|can't \w+) /tmp/\S+: '?No space left on device")
_MEMORY = re.compile(
    r"out of memory|virtual memory exhausted|[Cc]annot allocate memory|std::bad_alloc|memory exhausted"
    r"|failed to map segment from shared object"
)
_WANTED = re.compile(r"out of memory allocating (\d+) bytes")
_KILLED = re.compile(r"Killed signal terminated program|unable to execute command: Killed")


def refusal(words: str, used: Usage = Usage()) -> DidNotCompile | Trouble:
    """What a failed compilation means: the machine's trouble, or the student's error.

    used: what the compiler was seen to use. Where memory ran out, it tells whose fault that is.
    """
    for line in words.splitlines():
        if _BEFORE_IT.match(line):
            return Trouble(line)
        if _PLACE.match(line) or _QUOTED.search(line):
            continue
        if sandbox.available() and _SCRATCH_FULL.search(line):
            continue
        if _MACHINE.search(line):
            return Trouble(line)
        if _MEMORY.search(line) or _KILLED.search(line):
            wanted = _WANTED.search(line)
            much = max(used.peak, int(wanted[1]) if wanted else 0) >= ORDINARY
            return _needs_memory(words) if much else Trouble(line)
    return _refused(_("the program does not compile"), first_error(words))


def _refused(what: str, details: str = "") -> DidNotCompile:
    return DidNotCompile(what, cause="does-not-compile", details=details)


def _needs_memory(words: str) -> DidNotCompile:
    n = LIMITS.memory // sandbox.MIB
    what = _("the compiler needs more memory for it than the {n} MiB that it may have")
    return _refused(what.format(n=n), first_error(words))


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
    view: sandbox.View, compiler: str, arguments: Sequence[str], cpu: float = CPU_SECONDS
) -> tuple[str, float]:
    """Run a compiler on a student's files; returns what it said, and the seconds of CPU time that it used.

    cpu: the seconds that it may use. DidNotCompile where the source is to blame, else Trouble.
    """
    words = [compiler, "-fdiagnostics-color=never", MOST_ERRORS[compiler], *arguments]
    bounds = replace(BOUNDS, cpu=min(cpu, BOUNDS.cpu), output=MOST_WORDS)
    try:
        done = _in_sandbox(view, words, bounds)
    except Endless as endless:
        what = _("the compiler did not come to an end: {why}").format(why=endless)
        raise _refused(what) from None
    if done.status in NOT_STARTED:
        raise Trouble(f"{compiler}: {done.err.strip()}")
    if done.status in KILLED:
        raise refusal(f"{compiler}: Killed signal terminated program", done.used)
    if done.status:
        raise refusal(done.err, done.used)
    return done.err, done.used.cpu


def look_in(view: sandbox.View, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a tool that only looks at a student's files (the preprocessor, nm) where the compiler ran.

    Endless past MOST_TEXT, or where it works or waits for ever: then the files are made so.
    """
    return _in_sandbox(view, command, replace(BOUNDS, output=MOST_TEXT)).completed(command)


def _in_sandbox(view: sandbox.View, words: Sequence[str], bounds: Bounds) -> Done:
    environment = {**sandbox.environment(), "TMPDIR": tempfile.gettempdir()}
    command = sandbox.command(words, view, limits=LIMITS)
    return bounded.run(command, view.cwd, bounds, environment)
