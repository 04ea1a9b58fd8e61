"""Races whose source shows a lock that keeps nobody out: one of the function's own, or a variable that is no lock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from labkit.ground.stacks import Frame, source_lines
from labkit.ground.words import _
from labkit.reports.evidence import Finding

OWN, FLAG = "own-locks", "flag-as-lock"
_FUNCTION_LINES = 400  # of one function, at most
_LOCK_TYPES = r"(?:pthread_(?:mutex|rwlock)_t|pthread_spinlock_t|mtx_t)"
_ELSEWHERE = re.compile(r"\b(?:static|extern|_Thread_local|typedef)\b")
Line = tuple[int, str]


def explained(finding: Finding, source_dir: Path) -> Finding:
    """The finding, with the name of what has led to it where the source shows that."""
    if (finding.kind, finding.cause) != ("race", "data-race"):
        return finding
    if _own_lock(finding, source_dir):
        return replace(finding, cause=OWN)
    if _flag(finding, source_dir):
        return replace(finding, cause=FLAG)
    return finding


def first(findings: Sequence[Finding], source_dir: Path) -> list[Finding]:
    """The findings; where the first is a race that nothing explains, after those that are explained."""
    if not findings or findings[0].cause != "data-race":
        return list(findings)
    ways = (OWN, FLAG)
    return sorted(findings, key=lambda one: explained(one, source_dir).cause not in ways)


def words(finding: Finding, source_dir: Path) -> str:
    """Where the lock is that keeps nobody out, in a sentence; empty where the finding is none of these."""
    found = _own_lock(finding, source_dir) if finding.cause == OWN else None
    if found:
        told = _(
            "'{lock}' is declared at {where}, inside {function}: each call has one of its own."
        )
        name, frame, line = found
        return told.format(lock=name, where=f"{frame.name}:{line}", function=frame.function)
    found = _flag(finding, source_dir) if finding.cause == FLAG else None
    if found:
        told = _(
            "{function} waits until '{name}' is free, and sets it at {where}. Two threads can both find it free"
            " before either has set it."
        )
        name, frame, line = found
        return told.format(name=name, where=f"{frame.name}:{line}", function=frame.function)
    return ""


def _own_lock(finding: Finding, source_dir: Path) -> tuple[str, Frame, int] | None:
    """The only lock that one side holds, the frame of the function that declares it for itself, and in which line."""
    for access in finding.accesses:
        if len(access.locks) != 1 or not access.locks[0].isidentifier():
            continue
        (name,) = access.locks
        declares = re.compile(rf"^\s+[^*(]*\b{_LOCK_TYPES}\b[^*(]*\b{name}\b")
        for frame in access.frames:
            for number, text in _body(frame, source_dir):
                if declares.match(text) and not _ELSEWHERE.search(text):
                    return name, frame, number
    return None


def _flag(finding: Finding, source_dir: Path) -> tuple[str, Frame, int] | None:
    """A volatile variable that a function waits for and then sets, its frame, and the line that sets it."""
    name = finding.variable or ""
    if not name.isidentifier() or any(access.locks for access in finding.accesses):
        return None
    if not _is_volatile(name, source_dir):
        return None
    for frame in (frame for access in finding.accesses for frame in access.frames):
        waits = False
        for number, text in _body(frame, source_dir):
            if waits and re.search(rf"(?<![\w.>]){name}\s*=(?!=)", text):
                return name, frame, number
            waits = waits or bool(re.search(rf"\bwhile\s*\(.*\b{name}\b", text))
    return None


def _is_volatile(name: str, source_dir: Path) -> bool:
    """Whether a source declares a variable of this name volatile."""
    declares = re.compile(rf"\bvolatile\b[^;(){{}}=]*\b{name}\b")
    paths = [path for path in sorted(source_dir.glob("*.[ch]")) if path.is_file()]
    return any(declares.search(path.read_text("utf-8", "replace")) for path in paths)


def _body(frame: Frame, source_dir: Path) -> Iterator[Line]:
    """The lines of the function that a frame is in, from its name to the brace that ends it."""
    around = source_lines(frame, source_dir, _FUNCTION_LINES)
    heads = re.compile(
        rf"^\w.*?\b{re.escape(frame.function)}\s*\(|^{re.escape(frame.function)}\s*\("
    )
    starts = [n for n, text in around if n <= (frame.line or 0) and heads.match(text)]
    for number, text in around:
        if starts and number >= starts[-1]:
            yield number, text
            if text.startswith("}"):
                return
