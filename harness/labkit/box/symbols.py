"""What the binutils say of an object file: its symbols, sections and calls."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.box import bounded
from labkit.box.bounded import Bounds, Endless
from labkit.ground.faults import Trouble

# Runs a command in a directory and returns what it printed: a sandbox may stand behind it.
Runner = Callable[[Sequence[str], Path], "subprocess.CompletedProcess[str]"]

MOST_TEXT = 256 << 20  # what one of them may print, in bytes
NEUTRAL = ("env", "LC_ALL=C")  # the tools' words are read, so they must be English

_SECTION = re.compile(r"^\s*\d+ (?P<name>\S+)\s+[0-9a-f]{8,}", re.MULTILINE)
_FUNCTION = re.compile(r"[0-9a-f]+ <(?P<name>[^>]+)>:$")
_CALL = re.compile(r"\t(?:call|bl|blr|jal|jalr)[a-z]?\s+(?P<target>.*)$")
_RELOCATION = re.compile(r":\s+R_\w+\s+(?P<symbol>[^\s+-]+)")


@dataclass(frozen=True)
class Symbol:
    """A symbol of an object: defined or only used, visible to other objects or not, a function or data."""

    name: str
    defined: bool
    visible: bool
    function: bool


def plainly(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as it is. Trouble where it can't be started or can't come to its end."""
    try:
        return bounded.run(command, cwd, Bounds(output=MOST_TEXT)).completed(command)
    except Endless as error:
        raise Trouble(f"{command[len(NEUTRAL)]}: {error}") from error


def symbols(obj: Path, run: Runner = plainly) -> list[Symbol]:
    """All symbols of an object."""
    found = []
    for line in output(["nm", "--format=posix", obj.name], obj, run).splitlines():
        name, kind, *_rest = [*line.split(), "", ""]
        undefined = kind in ("U", "w", "v")
        found.append(
            Symbol(name, not undefined, kind.isupper() or undefined or kind == "i", kind in "TtWi")
        )
    return found


def sections(obj: Path, run: Runner = plainly) -> list[str]:
    """The names of an object's sections."""
    return _SECTION.findall(output(["objdump", "-h", obj.name], obj, run))


def calls(obj: Path, run: Runner = plainly) -> dict[str, list[str]]:
    """What each function of an object calls; "" where the address is computed."""
    found: dict[str, list[str]] = {}
    name, pending = "", False
    for line in output(["objdump", "-dr", "--no-show-raw-insn", obj.name], obj, run).splitlines():
        head, call, relocation = _FUNCTION.match(line), _CALL.search(line), _RELOCATION.search(line)
        if head:
            name, pending = head["name"], False
            found.setdefault(name, [])
        elif relocation and pending:
            found[name][-1] = relocation["symbol"]
            pending = False
        elif call and name:
            found[name].append(_target(call["target"]))
            pending = True
        else:
            pending = False
    return found


def _target(operand: str) -> str:
    """The function in a call's operand: `1f <log_line>`; empty where it is a register."""
    match = re.search(r"<([^>+]+)", operand)
    return match[1] if match else ""


def output(command: Sequence[str], obj: Path, run: Runner) -> str:
    """What one of the binutils prints of an object; Trouble where it fails."""
    done = run([*NEUTRAL, *command], obj.parent)
    if done.returncode:
        raise Trouble(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout
