"""A failure is a lesson: the block that every failure prints, with its seven parts.

The step and the check's sentence; expected and got; the conversation; what the process did; the likely
cause by name; how to see it by hand; where the workbook explains it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path

from labkit.causes import table as causes
from labkit.diagnosis import naming
from labkit.diagnosis.facts import Fact
from labkit.ground.catalog import BUILD, Lab, Step
from labkit.ground.faults import Disconnected, Fault, Silent
from labkit.ground.journal import hang
from labkit.ground.words import WIDTH, _, folded, wrapped
from labkit.scene import inspection, witness
from labkit.scene.running import Running
from labkit.scene.scene import Scene

SHOWN_LINES = 24
SHOWN_BYTES = 640
CONVERSATION = 22
STDERR_LINES = 12
PROCESSES = 2
SOURCE_LINE = re.compile(r"[ >]*\d* \|")
END_SECONDS = 0.3  # from a connection that is cut to the end of the process that had it


@dataclass
class Failure:
    """All that is known of one failed check."""

    lab: Lab
    step: Step
    sentence: str
    fault: Fault
    seed: int
    work: Path
    sources: Path
    conversation: str = ""
    whole_conversation: str = ""
    processes: list[str] = field(default_factory=list)
    mode: str = ""

    @property
    def cause(self) -> str | None:
        return self.fault.cause

    def observe(self, scene: Scene) -> None:
        """Take down what the scene shows now, before it is closed; an untimely end explains most."""
        programs = _concerned(self.fault, scene)
        others = {program.name for program in scene.programs if program not in programs}
        self.conversation = scene.journal.text(CONVERSATION, others)
        self.whole_conversation = scene.journal.text(without=others)
        for program in programs:
            self.mode = _mode(program)
            # Its end may be what cut the connection, or what has just begun.
            if isinstance(self.fault, Disconnected) or witness.is_ending(program, self.fault):
                program.wait(program.deadline(END_SECONDS))
            self.processes.append(_process(program))
            if isinstance(self.fault, Silent):
                self.processes += filter(None, [witness.stacks(program, self.fault)])
        self._name(programs)

    def _name(self, programs: Sequence[Running]) -> None:
        """Give the fault the cause that the evidence shows, and tell what supports it, or what was seen."""
        fault = self.fault
        found = list(chain.from_iterable(map(self._facts, programs)))
        named = naming.name(found, fault.cause, certain=fault.certain)
        if named.cause != fault.cause:
            fault.cause, fault.by_hand = named.cause, ()
        if isinstance(fault, Disconnected):
            fault.cause = fault.cause or "resets-clients"
        words = named.words()
        if words:
            told = chain.from_iterable(wrapped(sentence, "  ", WIDTH - 2) for sentence in words)
            self.processes.append("\n".join([_("what its calls show:"), *told]))
        if fault.cause in ("missing-unlock", "self-deadlock") and not fault.certain:
            lesson = (causes.meaning(fault.cause), causes.advice(fault.cause))
            fault.details = fault.details or "\n".join(chain.from_iterable(map(wrapped, lesson)))

    def _facts(self, program: Running) -> list[Fact]:
        """What the evidence of one program shows."""
        seen = (self.fault.evidence or {}).get(program.name)
        return naming.facts_of(witness.evidence(program, seen, self.fault, inspection.look_into))


def _concerned(fault: Fault, scene: Scene) -> list[Running]:
    """The programs worth describing: the one the fault is about, else those that should be running."""
    about = [program for program in scene.programs if program is fault.about]
    needed = [program for program in scene.programs if not program.may_end]
    return about or needed[-PROCESSES:] or scene.programs[-1:]


def _mode(program: Running) -> str:
    """Its option -m as it is typed behind the program's name; empty where it has none."""
    words = program.shown
    return next((f" -m {mode}" for option, mode in pairwise(words) if option == "-m"), "")


def _process(program: Running) -> str:
    """What a process did: how it ended, or what it has; its last words on stderr."""
    ended = program.ended()
    if ended:
        words = [f"{program.name}: {ended}"]
    else:
        words = [
            _(
                "{name}: running; threads: {threads}, descriptors: {fds}, resident: {kib} KiB"
            ).format(
                name=program.name,
                threads=program.threads(),
                fds=program.descriptors(),
                kib=program.resident() // 1024,
            )
        ]
    stderr = program.stderr.text().splitlines()
    if stderr:
        words.append(
            _("its stderr:") if len(stderr) <= STDERR_LINES else _("the end of its stderr:")
        )
        words += [f"  {_short(clean(line))}" for line in stderr[-STDERR_LINES:]]
    else:
        words.append(_("nothing on its stderr"))
    return "\n".join(words)


def clean(text: str) -> str:
    """A student's text without characters that would steer a terminal or break XML."""
    return "".join(c if c.isprintable() or c in "\t\n" else f"\\x{ord(c):02x}" for c in text)


def escaped(data: bytes) -> str:
    """Bytes as text, a line of output a line, control characters and non-ASCII as \\x escapes."""
    out = []
    for byte in data:
        if byte == 0x0A:
            out.append("\\n\n")
        elif 32 <= byte < 127 and byte != 0x5C:
            out.append(chr(byte))
        else:
            out.append(f"\\x{byte:02x}")
    return "".join(out)


def _first_difference(one: bytes, other: bytes) -> int:
    for index, (a, b) in enumerate(zip(one, other)):
        if a != b:
            return index
    return min(len(one), len(other))


def _window(data: bytes, around: int) -> str:
    """Up to a screen of bytes, escaped; of more, what lies around the first difference."""
    if len(data) <= SHOWN_BYTES and data.count(b"\n") < SHOWN_LINES:
        return escaped(data)
    lines_before = data[max(0, around - SHOWN_BYTES // 4) : around].split(b"\n")[
        -SHOWN_LINES // 3 :
    ]
    start = around - len(b"\n".join(lines_before))
    end = min(len(data), start + SHOWN_BYTES)
    before = _("… {n} bytes before …").format(n=start) + "\n" if start else ""
    after = "\n" + _("… {n} bytes after …").format(n=len(data) - end) if end < len(data) else ""
    return before + escaped(data[start:end]) + after


def _sides(failure: Failure, home: Path) -> list[str]:
    """Expected and got; long ones whole in named files."""
    fault = failure.fault
    if fault.expected is None and fault.got is None:
        return []
    expected, got = fault.expected, fault.got
    lines: list[str] = []
    binary = isinstance(expected, bytes) and isinstance(got, bytes)
    around = 0
    if isinstance(expected, bytes) and isinstance(got, bytes):
        around = _first_difference(expected, got)
    for title, name, side in ((_("expected"), "expected", expected), (_("got"), "got", got)):
        if side is None:
            continue
        size = _(" ({n} bytes)").format(n=len(side)) if isinstance(side, bytes) else ""
        whole = escaped(side) if isinstance(side, bytes) else clean(side)
        shown = _window(side, around) if isinstance(side, bytes) else whole
        lines.append(f"{title}{size}:")
        lines += _indent(_head(shown) or _("(nothing)"))
        if shown != whole or _head(shown) != shown.rstrip("\n"):
            path = _keep(home, f"step-{failure.step.number}-{name}", side)
            lines.append("  " + _("the whole of it: {path}").format(path=path))
    if binary and got and expected:
        lines.append(_("they differ from byte {n} on").format(n=around))
    return lines


def _head(text: str) -> str:
    lines = text.splitlines()
    more = (
        [_("… {n} more lines").format(n=len(lines) - SHOWN_LINES)]
        if len(lines) > SHOWN_LINES
        else []
    )
    return "\n".join([*map(_short, lines[:SHOWN_LINES]), *more])


def _short(line: str) -> str:
    """A line, or the beginning of a very long one."""
    if len(line) <= SHOWN_BYTES:
        return line
    return _("{text} … {n} more characters").format(
        text=line[:SHOWN_BYTES], n=len(line) - SHOWN_BYTES
    )


def _keep(home: Path, name: str, content: bytes | str) -> str:
    """Write evidence to a named file; its name as a person would type it."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        path = home / name
        path.write_bytes(
            content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
        )
    except OSError as error:
        return _("(could not be written: {why})").format(why=error.strerror)
    return shown_path(path)


def shown_path(path: Path) -> str:
    """A path relative to where the person stands, if it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _indent(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def block(failure: Failure, report: Path) -> str:
    """The whole block as plain text."""
    home = report / failure.lab.name
    fault, step = failure.fault, failure.step
    symptom = causes.find(fault.cause, failure.lab)
    what = _("What happened: {what}").format(what=clean(fault.what))
    lines = [
        _("step {n}, {title}: 0 of {points} points").format(
            n=step.number, title=step.heading, points=step.points
        ),
        *wrapped(failure.sentence),
        *_todo(failure),
        "",
        *chain.from_iterable(map(wrapped, what.splitlines())),
        *_sides(failure, home),
    ]
    if fault.details:
        told = map(_short, clean(fault.details).splitlines())
        lines += ["", *chain.from_iterable(map(_fitted, told))]
    if failure.conversation:
        said = failure.conversation.splitlines()
        talk = chain.from_iterable(folded(line, WIDTH - 2, hang(line)) for line in said)
        lines += ["", _("The conversation:"), *_indent("\n".join(talk))]
        if failure.conversation != failure.whole_conversation:
            path = _keep(home, f"step-{step.number}-conversation.txt", failure.whole_conversation)
            lines.append("  " + _("the whole of it: {path}").format(path=path))
    if failure.processes:
        lines += ["", _("The process:")]
        for words in failure.processes:
            lines += chain.from_iterable(map(folded, _indent(words)))
    if symptom:
        cause = _("Likely cause: {name} - {title}").format(name=symptom.name, title=symptom.title)
        lines += ["", *wrapped(cause)]
        lines += wrapped(symptom.text, "  ")
    commands = _by_hand(failure, symptom)
    if commands:
        lines += ["", _("See it by hand:"), *(f"  $ {command}" for command in commands)]
    lines += ["", _("Read: {path}, step {n}").format(path=failure.lab.handout, n=step.number)]
    return clean("\n".join(lines))


def _fitted(line: str) -> list[str]:
    """A line of a tool's words, folded; a line of source, and what a compiler draws below it, is left as it is."""
    return [line] if SOURCE_LINE.match(line) else folded(line)


def _todo(failure: Failure) -> list[str]:
    """Where the step's TODO still stands in the sources: most likely that is all there is to say."""
    found = []
    for path in sorted(failure.sources.glob("*.c")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            if f"TODO {failure.step.number}:" in line:
                found.append(f"{path.name}:{number}")
    if not found:
        return []
    return [
        _("Still to be written: TODO {n} ({places}).").format(
            n=failure.step.number, places=", ".join(found)
        )
    ]


def _by_hand(failure: Failure, symptom: causes.Cause | None) -> list[str]:
    """Commands to paste: the fault's own, else the symptom's, then the check again with its seed."""
    commands = list(failure.fault.by_hand or (symptom.by_hand if symptom else ()))
    binary = shown_path(BUILD / "bin" / failure.lab.name)
    work = shown_path(failure.work / failure.lab.name)
    filled = [
        _(command)
        .replace("{serve}", failure.lab.serve)
        .replace("{server}", failure.lab.server)
        .replace("{bin}", binary)
        .replace("{work}", work)
        .replace("{mode}", failure.mode)
        for command in commands
    ]
    again = f"make check LAB={failure.lab.number} STEP={failure.step.number} SEED={failure.seed}"
    if failure.work.resolve() != (BUILD.parent / "labs"):
        again += f" WORK={shlex.quote(shown_path(failure.work))}"
    return [*filled, again]
