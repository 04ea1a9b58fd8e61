"""labkit is a house of rooms, one above the other: none imports from one above it, in running code or for types."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.ground.catalog import HARNESS

LABKIT = HARNESS / "labkit"
# From the ground up. What one lab alone needs lives beside its checks, above all of them but the command line.
ROOMS = (
    "ground",
    "causes",
    "box",
    "build",
    "wire",
    "reports",
    "hang",
    "diagnosis",
    "scene",
    "grading",
    "classroom",
    "workbook",
    "doctor",
    "cli",
)
MOST_ARROWS = 40  # between two rooms, in one direction, however many imports that is
MOST_LINES = 400  # of a Python file
# Longer ones that wait to be split, and how long each may be until then: none of them grows.
LONGER = {
    "checks/lab_05_chat/chat.py": 460,
    "checks/lab_05_chat/test_step_7_rude_guests.py": 477,
}
OUTER = {"__init__", "__main__", "cli"}  # the only modules outside a room


def modules() -> list[Path]:
    """All modules of labkit."""
    return sorted(LABKIT.rglob("*.py"))


def room(path: Path) -> str:
    """The room that a module is in."""
    parts = path.relative_to(LABKIT).parts
    return parts[0] if len(parts) > 1 else "cli"


def imported(path: Path) -> Iterator[str]:
    """The full names that a module imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> dict[tuple[str, str], list[str]]:
    """(room, room it imports from) -> the modules that do."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in modules():
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "labkit" and len(parts) > 1 and parts[1] != room(path):
                words = f"{path.relative_to(LABKIT)} imports {name}"
                found.setdefault((room(path), parts[1]), []).append(words)
    return found


def test_every_module_is_in_a_room() -> None:
    """Nothing lies in the hall, and no room is missing in the list above."""
    assert {path.stem for path in LABKIT.glob("*.py")} == OUTER
    rooms = {path.parent.name for path in LABKIT.glob("*/__init__.py")}
    assert rooms == set(ROOMS) - {"cli"}


def test_none_looks_up() -> None:
    """What a room imports stands below it; so there is no circle either."""
    up = [
        words
        for (above, below), said in arrows().items()
        if ROOMS.index(below) > ROOMS.index(above)
        for words in said
    ]
    assert up == []


def test_few_arrows() -> None:
    """The whole plan can be drawn."""
    assert len(arrows()) <= MOST_ARROWS, sorted(arrows())


def test_no_room_knows_a_lab() -> None:
    """What a check of one lab needs is imported by that lab's checks only."""
    known = [path for path in modules() for name in imported(path) if name.startswith("checks")]
    assert known == []


@pytest.mark.parametrize("lab", sorted(HARNESS.glob("checks/lab_*")), ids=lambda path: path.name)
def test_labs_do_not_know_each_other(lab: Path) -> None:
    """A lab's checks import no other lab's."""
    others = {
        name
        for path in lab.glob("*.py")
        for name in imported(path)
        if name.startswith("checks.") and not name.startswith(f"checks.{lab.name}")
    }
    assert others == set()


def test_no_file_is_too_long() -> None:
    """A file that has more than one subject is split; of those that wait for it, each really is too long."""
    lengths = {
        str(path.relative_to(HARNESS)): path.read_text(encoding="utf-8").count("\n")
        for path in HARNESS.rglob("*.py")
    }
    too_long = {name for name, lines in lengths.items() if lines > LONGER.get(name, MOST_LINES)}
    short_enough = {name for name in LONGER if lengths.get(name, 0) <= MOST_LINES}
    assert (too_long, short_enough) == (set(), set())
