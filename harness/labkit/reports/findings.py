"""What a sanitizer found, and how to tell it to a student: the public face of the parsers.

`refine` adds to a finding what the source tells, `describe` makes a lesson of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from labkit.causes import table as causes
from labkit.ground.stacks import Frame, library_call, own, source_line, source_lines
from labkit.ground.words import _, ngettext, wrapped
from labkit.reports import pretended
from labkit.reports.asan import zero_bytes
from labkit.reports.evidence import (
    RECORD,
    Access,
    Finding,
    Lock,
    ToolTrouble,
    is_verdict,
    merge,
    role_of,
    student_frames,
)

__all__ = [
    "Access",
    "Finding",
    "Frame",
    "Lock",
    "ToolTrouble",
    "describe",
    "is_verdict",
    "merge",
    "refine",
    "student_frames",
]

STATEMENT_LINES_MAX = 6

# -- what the source adds ------------------------------------------------------------------------------

_TAKES_LOCK = re.compile(
    r"\b(?:pthread_(?:mutex|rwlock|spin)_(?:init|\w*lock|destroy)|mtx_(?:init|\w*lock))\s*\(\s*&?\s*"
    r"(?P<lock>[A-Za-z_][\w.\->\[\]* ]*?)\s*[,)]"
)
_ROUTINE = re.compile(r"\bpthread_create\s*\([^,]+,[^,]+,\s*&?\s*(?P<name>[A-Za-z_]\w*)\s*,")
# The functions of C2y (N3322) and POSIX that do nothing with a null pointer where their length is 0.
_SIZED = re.compile(
    r"\b(?:mem(?:cpy|move|set|cmp|chr|rchr|ccpy|mem|set_explicit)|mempcpy|b(?:copy|zero|cmp|search)"
    r"|explicit_bzero|str(?:ncpy|ncat|ncmp|ndup|nlen|ncasecmp|xfrm)|stpncpy|qsort(?:_r)?|lfind|lsearch"
    r"|f(?:write|read)(?:_unlocked)?|wmem\w+|wcsn\w+)\s*\("
)
_MACRO = re.compile(r"^\s*#\s*define\s+(?P<name>\w+)(?P<text>.*)$", re.MULTILINE)
_PASSES_ADDRESS = re.compile(r"\bpthread_create\s*\(.*,[^,&]*&\s*(?P<name>[A-Za-z_]\w*)\s*\)")


def refine(finding: Finding, source_dir: Path) -> Finding:
    """The finding with what the source tells: locks by name, start routines, a variable passed to threads."""
    finding = _name_locks(finding, source_dir)
    accesses = tuple(_with_routine(access, source_dir) for access in finding.accesses)
    finding = replace(finding, accesses=accesses)
    # With more than zero bytes, the access itself has ended the program.
    if finding.kind == "null-argument" and _takes_a_size(finding, source_dir):
        finding = zero_bytes(finding)
    passed = _shared_argument(finding, source_dir)
    if not passed:
        return pretended.explained(finding, source_dir)
    subject = _("the variable '{name}' of {function}").format(name=passed[0], function=passed[1])
    title = _("data race on {subject}").format(subject=subject)
    return replace(
        finding, cause="shared-argument", variable=passed[0], subject=subject, title=title
    )


def _takes_a_size(finding: Finding, source_dir: Path) -> bool:
    """Whether the reported line calls a function that may be given a null pointer and zero bytes in C2y.

    Or one of the program's own macros that does.
    """
    frame = own(finding.accesses[0].frames)
    statement = _statement(frame, source_dir) if frame else ""
    if _SIZED.search(statement):
        return True
    return any(
        re.search(rf"\b{re.escape(name)}\b", statement) for name in _sized_macros(source_dir)
    )


def _sized_macros(source_dir: Path) -> Iterator[str]:
    """The macros of the sources in whose text a function with a size is called."""
    for path in sorted(source_dir.glob("*.[ch]")):
        text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
        for match in _MACRO.finditer(text):
            if _SIZED.search(match["text"]):
                yield match["name"]


def _with_routine(access: Access, source_dir: Path) -> Access:
    """An access of whose thread only the creation is known, with what the thread was started with."""
    creation = own(access.started)
    if access.frames or not creation:
        return access
    match = _ROUTINE.search(_statement(creation, source_dir))
    if not match:
        return access
    routine = Frame(match["name"], creation.file, None)
    return replace(access, role=role_of(access.thread, (routine,), access.started))


def _name_locks(finding: Finding, source_dir: Path) -> Finding:
    """Replace the report's labels (M0) by the expressions in the source (room->lock)."""
    names: dict[str, str] = {}
    for label, frames in _lock_places(finding):
        frame = own(frames)
        match = _TAKES_LOCK.search(source_line(frame, source_dir)) if frame else None
        if match and not (finding.tool == RECORD and _is_variable(label, match["lock"])):
            names.setdefault(label, match["lock"])
    for name in [n for n in names.values() if list(names.values()).count(n) > 1]:
        for number, label in enumerate([k for k in names if names[k] == name], 1):
            names[label] = f"{name} ({number})"

    def named(label: str) -> str:
        return names.get(label, label)

    accesses = tuple(
        replace(
            access,
            locks=tuple(map(named, access.locks)),
            shared_locks=tuple(map(named, access.shared_locks)),
            taken=access.taken and named(access.taken),
        )
        for access in finding.accesses
    )
    locks = tuple(replace(lock, name=named(lock.name)) for lock in finding.locks)
    missing = finding.missing_lock and named(finding.missing_lock)
    return replace(finding, accesses=accesses, locks=locks, missing_lock=missing)


def _is_variable(label: str, expression: str) -> bool:
    """Whether a label of our own record names the lock better than an expression: a parameter may be any lock."""
    variable = re.match(r"([A-Za-z_]\w*)(\+\d+)?$", label)
    return variable is not None and not re.search(rf"\b{variable[1]}\b", expression)


def _lock_places(finding: Finding) -> Iterator[tuple[str, tuple[Frame, ...]]]:
    """Each lock with a place where the source names it."""
    for lock in finding.locks:
        yield lock.name, lock.made
    for access in finding.accesses:
        if access.taken:
            yield access.taken, access.frames


def _shared_argument(finding: Finding, source_dir: Path) -> tuple[str, str] | None:
    """The variable whose address its creator gave to a thread and went on using, and its function."""
    if finding.kind != "race" or finding.place != "stack":
        return None
    creations = [frame for access in finding.accesses if (frame := own(access.started))]
    for creation in creations:
        match = _PASSES_ADDRESS.search(_statement(creation, source_dir))
        for access in finding.accesses:
            frame = own(access.frames)
            if match and frame and frame.function == creation.function:
                before = (frame.line or 0) < (creation.line or 0)
                if _sets(match["name"], source_line(frame, source_dir), before):
                    return match["name"], creation.function
    return None


def _statement(frame: Frame, source_dir: Path) -> str:
    """The source from a frame's line up to the first semicolon."""
    lines = dict(source_lines(frame, source_dir, STATEMENT_LINES_MAX))
    text = " ".join(lines[n] for n in sorted(lines) if n >= (frame.line or 0))
    return text.split(";")[0]


def _sets(name: str, line: str, before_creation: bool) -> bool:
    """Whether the line uses the variable as a whole, or sets a field of it before a thread gets it."""
    if re.search(rf"\b{name}\b(?!\s*(\.|->|\[))", line):
        return True
    return before_creation and bool(re.search(rf"\b{name}\.\w+\s*=[^=]", line))


# -- the lesson ----------------------------------------------------------------------------------------


def describe(finding: Finding, source_dir: Path) -> str:
    """The finding as a lesson: what it is, which thread did what where with which locks, and what to do."""
    finding = refine(finding, source_dir)
    paragraphs = [_capital(finding.title) + "\n" + _wrapped(causes.meaning(finding.cause))]
    paragraphs += [_access_text(access, source_dir) for access in finding.accesses]
    if finding.origin:
        opened = finding.place == "descriptor"
        heading = _("It was opened here:") if opened else _("It was allocated here:")
        paragraphs.append(_excerpt(heading, finding.origin, source_dir))
    told = _locks_text(finding) or pretended.words(finding, source_dir)
    paragraphs += [_wrapped(told), _wrapped(causes.advice(finding.cause))]
    if finding.count > 1:
        seen = ngettext("Seen {n} time.", "Seen {n} times.", finding.count)
        paragraphs.append(seen.format(n=finding.count))
    if finding.advisory:
        paragraphs.append(_("This is a hint: by itself it fails no step."))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _wrapped(text: str) -> str:
    return "\n".join(wrapped(text))


def _capital(text: str) -> str:
    """The text with a capital, unless its first word is a name out of a program."""
    first = text.split(maxsplit=1)[:1]
    return text[:1].upper() + text[1:] if first and first[0].isalpha() else text


def _access_text(access: Access, source_dir: Path) -> str:
    """One thread's side: its name, what it did, the locks it held, and the source."""
    what = access.what
    call = library_call(access.frames)
    if access.taken:
        what = _("takes the lock '{lock}'").format(lock=access.taken)
    elif call and call not in what:
        what = _("{what}, in {function}()").format(what=what, function=call)
    heading = _("{who}: {what}").format(who=access.role, what=what)
    if access.locks:
        held = ", ".join(f"'{lock}'" for lock in access.locks)
        heading = _("{heading}, holding {locks}").format(heading=heading, locks=held)
    if not own(access.frames) and access.started:
        heading = _("{heading}. It was started here:").format(heading=heading)
        return _excerpt(_capital(heading), access.started, source_dir)
    return _excerpt(_capital(heading), access.frames, source_dir)


def _excerpt(heading: str, frames: Sequence[Frame], source_dir: Path) -> str:
    """A heading, then the lines around the innermost own frame, and its callers."""
    mine = [frame for frame in frames if not frame.foreign]
    mine = [f for f in mine if source_lines(f, source_dir, 0)] or mine
    if not mine:
        return heading
    lines = [
        heading,
        _("  {where}, in {function}").format(where=mine[0].where, function=mine[0].function),
    ]
    for number, text in source_lines(mine[0], source_dir):
        mark = ">" if number == mine[0].line else " "
        lines.append(f"  {mark} {number:4} | {text}".rstrip())
    for caller in mine[1:4]:
        lines.append(
            _("  called from {function}, {where}").format(
                function=caller.function, where=caller.where
            )
        )
    return "\n".join(lines)


def _locks_text(finding: Finding) -> str:
    """What the locks of a race's two sides say."""
    if finding.kind != "race" or len(finding.accesses) != 2 or finding.cause != "data-race":
        return ""
    first, second = finding.accesses
    common = set(first.locks) & set(second.locks)
    if common:
        return _(
            "Both hold '{lock}', but for reading, and readers do not exclude each other: a thread that writes"
            " must take it for writing."
        ).format(lock=sorted(common)[0])
    if not first.locks and not second.locks:
        return _("Neither of the two holds a lock here.")
    if first.locks and second.locks:
        return _(
            "Each holds a lock, but not the same: '{first}' here and '{second}' there exclude nobody."
        ).format(first=first.locks[-1], second=second.locks[-1])
    frame = own((second if first.locks else first).frames)
    return _("The lock '{lock}' is held on one side only: it is missing at {where}.").format(
        lock=finding.missing_lock, where=frame.where if frame else "?"
    )
