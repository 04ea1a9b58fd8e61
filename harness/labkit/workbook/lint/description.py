"""Whether a lab.toml says what it must; and what lies about that no lab.toml belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labkit.ground.catalog import HARNESS, LABS, ROOT, SOLUTIONS
from labkit.ground.words import _
from labkit.workbook.newlab import NAME
from labkit.workbook.lint.finding import Finding, Findings, keys, read

LAB_NEEDS = {"number", "name", "title", "title_ru", "programs", "step"}
LAB_MAY = {"flags", "by_hand", "started", "most_threads"}
STEP_NEEDS = {"number", "title", "title_ru", "points", "needs", "todo"}
STEP_MAY = {"blocks"}
FULL = 100  # points of a lab


def names() -> list[str]:
    """The names of all labs that have a directory, with a lab.toml or without."""
    return sorted(path.name for path in LABS.glob("[0-9]*") if path.is_dir())


def orphans() -> Findings:
    """Files of a lab that has no lab.toml."""
    known = {path.parent.name for path in LABS.glob("*/lab.toml")}
    for path in _belongings():
        name = path.name.partition(".")[0].removeprefix("lab_").replace("_", "-")
        if name not in known and path.name != "__pycache__":
            words = _("this belongs to no lab: there is no {file}")
            yield Finding(path, words.format(file=f"labs/{name}/lab.toml"))


def _belongings() -> list[Path]:
    places = [
        *LABS.glob("[0-9]*"),
        *SOLUTIONS.glob("[0-9]*"),
        *(path for place in ("gaps", "mutants", "variants") for path in _in(SOLUTIONS / place)),
        *(HARNESS / "checks").glob("lab_[0-9]*"),
        *_in(ROOT / "docs" / "questions"),
    ]
    return sorted(places)


def _in(directory: Path) -> list[Path]:
    return list(directory.glob("[0-9]*"))


def findings(name: str) -> Findings:
    """What is wrong with the lab.toml of a lab that has one."""
    path = LABS / name / "lab.toml"
    table = read(path)
    if isinstance(table, Finding):
        yield table
        return
    yield from keys(path, _("the lab"), table, LAB_NEEDS, LAB_MAY)
    yield from _name(path, table)
    steps = table.get("step", [])
    for step in steps:
        where = _("step {n}").format(n=step.get("number", "?"))
        yield from keys(path, where, step, STEP_NEEDS, STEP_MAY)
    yield from _steps(path, steps)


def _name(path: Path, table: dict[str, Any]) -> Findings:
    """The directory's name, the key `name` and the number have to agree, and no other lab has that number."""
    name = path.parent.name
    if not NAME.fullmatch(name):
        yield Finding(path, _("a lab's directory is called NN-name, in small letters"))
    for key, wanted in (("name", name), ("number", name[:2])):
        if table.get(key, wanted) != wanted:
            words = _("`{key}` must be {wanted}, as the directory is called")
            yield Finding(path, words.format(key=key, wanted=wanted))
    others = [other for other in names() if other[:2] == name[:2] and other != name]
    if others:
        yield Finding(path, _("{other} has the same number").format(other=", ".join(others)))


def _steps(path: Path, steps: list[dict[str, Any]]) -> Findings:
    """At least two, numbered from 1, with 100 points in all, which need earlier ones only."""
    numbers = [step.get("number") for step in steps]
    if len(steps) < 2:
        yield Finding(path, _("a lab has at least two steps"))
    if numbers != list(range(1, len(steps) + 1)):
        yield Finding(path, _("the steps are numbered from 1, in their order"))
    points = sum(step.get("points", 0) for step in steps)
    if points != FULL:
        words = _("the steps have {n} points in all, and must have {full}")
        yield Finding(path, words.format(n=points, full=FULL))
    for place, step in enumerate(steps):
        for needed in step.get("needs", []):
            if needed not in numbers[:place]:
                words = _("step {n} needs step {needed}, which does not come before it")
                yield Finding(path, words.format(n=numbers[place], needed=needed))
