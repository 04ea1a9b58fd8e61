"""A part of a program: a function with the comment above it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from labkit.ground.faults import Trouble


def excerpt(path: Path, names: list[str]) -> str:
    """The text of a program; of the functions named, if any are, in the order in which they are named."""
    text = path.read_text(encoding="utf-8")
    if not names:
        return text.strip("\n")
    find = _in_python if path.suffix == ".py" else _in_c
    found = []
    for name in names:
        part = find(text, name)
        if part is None:
            raise Trouble(f"there is no {name} in {path.name}")
        found.append(part)
    return "\n\n".join(found)


def _in_c(text: str, name: str) -> str | None:
    """In our style a function's name begins a line, below its return type, and a brace alone ends it."""
    lines = text.splitlines()
    head = [i for i, line in enumerate(lines) if re.match(rf"{re.escape(name)}\(", line)]
    head = [i for i in head if "{" in _up_to_brace(lines, i)]
    if not head:
        return None
    end = next(i for i in range(head[0], len(lines)) if lines[i].startswith("}"))
    start = head[0] - 1
    while start and lines[start - 1].strip():
        start -= 1
    return "\n".join(lines[start : end + 1])


def _up_to_brace(lines: list[str], start: int) -> str:
    """From a line to the one that decides whether it is a definition: with a brace, or a semicolon."""
    for i in range(start, len(lines)):
        if lines[i].startswith("{") or lines[i].endswith(";"):
            return lines[i]
    return ""


def _in_python(text: str, name: str) -> str | None:
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
            while start and lines[start - 1].startswith("#"):
                start -= 1
            return "\n".join(lines[start : node.end_lineno])
    return None
