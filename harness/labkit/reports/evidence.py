"""What a sanitizer found, in one form for all tools. The parsers (tsan, helgrind, asan) make it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labkit.ground.stacks import Frame, outermost, own
from labkit.ground.words import _

RECORD = "record"  # the tool of our own findings on the order of locks


@dataclass(frozen=True)
class Access:
    """What one thread did.

    what: "write of 4 bytes". thread: as the tool calls it. role: in a student's words.
    locks: names of the locks held, shared_locks: those of them held for reading only. taken: the lock that
    is taken here. started: the stack that created the thread.
    """

    what: str
    thread: str
    role: str
    frames: tuple[Frame, ...] = ()
    locks: tuple[str, ...] = ()
    shared_locks: tuple[str, ...] = ()
    taken: str | None = None
    started: tuple[Frame, ...] = ()


@dataclass(frozen=True)
class Lock:
    """A lock that a report mentions. name: the report's, or the source's once refined. made: where."""

    name: str
    made: tuple[Frame, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One report, or several of the same lines.

    kind: race, lock-order, missing-unlock, bad-unlock … (findings of one kind have the same wording).
    cause: the named symptom. subject: the variable or block, in words; variable: its bare name.
    place: where the memory is: global, heap, stack, tls, descriptor or empty; origin: the stack that allocated it.
    missing_lock: the lock that one side of a race holds and the other doesn't.
    advisory: worth showing, but no verdict by itself.
    """

    tool: str
    kind: str
    cause: str
    title: str
    subject: str | None
    accesses: tuple[Access, ...]
    missing_lock: str | None
    advisory: bool
    text: str
    count: int = 1
    variable: str | None = None
    place: str = ""
    origin: tuple[Frame, ...] = ()
    locks: tuple[Lock, ...] = ()


@dataclass(frozen=True)
class ToolTrouble:
    """The tool itself failed: an error of ours or the machine's, never the student's."""

    reason: str
    text: str = ""


def student_frames(finding: Finding, files: Iterable[str | Path]) -> list[Frame]:
    """The top frame in the student's own files for each access that has one."""
    names = list(files)
    stacks = [stack for a in finding.accesses for stack in (a.frames or a.started,)]
    return [frame for stack in stacks if (frame := own(stack, names))]


def is_verdict(finding: Finding, files: Iterable[str | Path]) -> bool:
    """Whether the finding alone fails a program: it is no hint, and lies in the student's files.

    One without any access is what the tool says of the program's own calls and does not say where.
    """
    if finding.advisory:
        return False
    return not finding.accesses or bool(student_frames(finding, files))


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for all of the same kind in the same lines; their counts are added."""
    merged: dict[object, Finding] = {}
    for finding in findings:
        key = _same(finding)
        if key in merged:
            merged[key] = replace(merged[key], count=merged[key].count + finding.count)
        else:
            merged[key] = finding
    return list(merged.values())


def _same(finding: Finding) -> object:
    """What two reports of the same bug have in common."""
    tops = [own(a.frames) or own(a.started) for a in finding.accesses]
    lines = sorted((f.name or "", f.line or 0, f.function) for f in tops if f)
    return finding.kind, finding.advisory, finding.variable, tuple(lines) or finding.text


def role_of(
    thread: str, frames: Sequence[Frame] = (), started: Sequence[Frame] = (), another: bool = False
) -> str:
    """A thread by what it does: where it was started, with which function. another: the second such."""
    first = outermost(frames)
    creator = own(started)
    if thread == "main thread" or (not creator and first and first.function == "main"):
        return _("the main thread")
    if creator and first:
        words = _("another thread") if another else _("a thread")
        return _("{a_thread} started at {where} ({routine})").format(
            a_thread=words, where=creator.where, routine=first.function
        )
    if creator:
        words = _("another thread") if another else _("a thread")
        return _("{a_thread} started at {where}").format(a_thread=words, where=creator.where)
    if first:
        return _("the thread that runs {routine}").format(routine=first.function)
    return _("another thread") if another else _("a thread")
