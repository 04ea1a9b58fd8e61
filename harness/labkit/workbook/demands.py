"""What a lab's checks demand: each names its demands, and `stated.toml` beside them has the handouts' sentences for each."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit.ground.catalog import Lab, toml
from labkit.workbook.handout import Handout

DONE = {"en": "Done when", "ru": "Готово, когда"}


@dataclass(frozen=True)
class Check:
    """A check as its source has it. path: its module; step: None where its mark names none; sentence: its docstring."""

    path: Path
    name: str
    step: int | None
    stated: tuple[str, ...]
    sentence: str


def sentences(lab: Lab) -> dict[str, dict[str, list[str]]]:
    """A lab's demands: each one's sentences by language."""
    return toml(lab.checks / "stated.toml")


def checks(lab: Lab) -> list[Check]:
    """The checks of a lab, in the order of their modules."""
    return [check for path in sorted(lab.checks.glob("test_*.py")) for check in _checks_of(path)]


def _checks_of(path: Path) -> Iterator[Check]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [mark for mark in node.decorator_list if isinstance(mark, ast.Call)]
            words = [ast.literal_eval(word) for mark in marks for word in mark.args]
            sentence = inspect.cleandoc(ast.get_docstring(node) or "")
            yield Check(path, node.name, words[0] if words else None, tuple(words[1:]), sentence)


def done(handout: Handout, number: int) -> list[str]:
    """The items under "Done when" of a step; the whole sentence where there is no list; nothing where it is missing."""
    _before, _found, rest = handout.step(number).prose.partition(f"\n{DONE[handout.language]}")
    first, _blank, more = rest.partition("\n\n")
    if not first.rstrip().endswith((":", ",")):
        return [plain(DONE[handout.language] + first)] if first else []
    items = re.split(r"^- ", more.partition("\n\n")[0], flags=re.MULTILINE)
    return [plain(item).rstrip(".;") for item in items if item.strip()]


def plain(text: str) -> str:
    """A text on one line."""
    return re.sub(r"\s+", " ", text).strip()
