"""What lies at an address of a program: a line of its source, a variable. By the binutils."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit.box.symbols import NEUTRAL, Runner
from labkit.ground.faults import Trouble
from labkit.ground.stacks import Frame, number


@dataclass(frozen=True)
class Variable:
    """A variable of static duration: where it begins, as the linker laid it, and its bytes."""

    begin: int
    size: int
    name: str


def lines(program: Path, addresses: Iterable[int], run: Runner) -> dict[int, tuple[Frame, ...]]:
    """For each address the calls that the compiler put in place there, innermost first, as frames.

    addresses: of instructions, as the linker laid them. An address that belongs to no line is left out.
    """
    asked = sorted(set(addresses))
    if not asked:
        return {}
    command = ["addr2line", "-a", "-f", "-i", "-e", program.name, *map(hex, asked)]
    found: dict[int, tuple[Frame, ...]] = {}
    for address, frames in _frames(_output(command, program, run).splitlines(), program.name):
        if any(frame.file for frame in frames):
            found[address] = frames
    return found


def _frames(words: list[str], module: str) -> Iterator[tuple[int, tuple[Frame, ...]]]:
    """The frames of each address in what addr2line printed: the address, then pairs of function and place."""
    starts = [i for i, line in enumerate(words) if line.startswith("0x")]
    for start, end in zip(starts, [*starts[1:], len(words)]):
        pairs = zip(words[start + 1 : end : 2], words[start + 2 : end : 2])
        yield int(words[start], 16), tuple(_frame(*pair, module) for pair in pairs)


def _frame(function: str, place: str, module: str) -> Frame:
    file, _colon, line = place.split(" (")[0].rpartition(":")
    known = file not in ("", "??") and line.isdigit() and line != "0"
    return Frame(function, file if known else None, number(line) if known else None, module)


def variables(program: Path, run: Runner) -> list[Variable]:
    """The program's variables of static duration, by their addresses."""
    output = _output(["nm", "--format=posix", "--print-size", program.name], program, run)
    found = []
    for line in output.splitlines():
        words = line.split()
        if len(words) == 4 and words[1] in "BbDdGgSs":
            found.append(Variable(int(words[2], 16), int(words[3], 16), words[0]))
    return sorted(found, key=lambda variable: variable.begin)


def variable_at(address: int, known: list[Variable]) -> Variable | None:
    """The variable that an address lies in; None where it lies in none."""
    place = bisect.bisect_right([variable.begin for variable in known], address) - 1
    if place >= 0 and address < known[place].begin + known[place].size:
        return known[place]
    return None


def _output(command: list[str], program: Path, run: Runner) -> str:
    done = run([*NEUTRAL, *command], program.parent)
    if done.returncode:
        raise Trouble(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout
