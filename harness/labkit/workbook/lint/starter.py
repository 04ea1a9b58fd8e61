"""Whether a lab has its reference, and a starter made of it, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

from labkit.build import starters
from labkit.build.starters import GAPS, Gap, Refused
from labkit.ground.catalog import LABS, SOLUTIONS, Lab, toml
from labkit.ground.words import _
from labkit.workbook import newlab
from labkit.workbook.lint.finding import Finding, Findings, keys, missing, read

TODO = re.compile(r"\bTODO (\d+):")


def findings(lab: Lab) -> Findings:
    """What the reference and the starter lack."""
    yield from _reference(lab)
    path = GAPS / f"{lab.name}.toml"
    table = read(path)
    if isinstance(table, Finding):
        yield table
        return
    odd = [
        finding
        for gap in table.get("gap", [])
        for finding in keys(
            path, f"`{gap.get('function', '?')}`", gap, {"file", "function", "stub", "ru"}, set()
        )
    ]
    yield from odd
    if not table.get("gap"):
        yield Finding(path, _("there is no gap: nothing is left for the student to write"))
    elif not odd:
        yield from _gaps(lab, path)


def _reference(lab: Lab) -> Findings:
    for program in lab.programs:
        source = SOLUTIONS / lab.name / f"{program}.c"
        if not source.is_file():
            yield missing(source)
    for source, text in newlab.reference(lab.name):
        if source.is_file() and source.read_text("utf-8") == text:
            yield Finding(source, _("this is still the sample's program: write the lab's own"))


def _gaps(lab: Lab, path: Path) -> Findings:
    try:
        made = starters.starter(lab.name)
    except Refused as why:
        yield Finding(path, str(why))
        return
    gaps = starters.gaps(lab.name)
    yield from _todos(lab, path, gaps)
    yield from _made(lab, made)
    yield from _translated(lab, gaps, made)


def _todos(lab: Lab, path: Path, gaps: list[Gap]) -> Findings:
    """Each gap has a TODO, of a step that announces its function in lab.toml; each that is announced is there."""
    description = LABS / lab.name / "lab.toml"
    steps = toml(description)["step"]
    announced = {(step["number"], place) for step in steps for place in step["todo"]}
    found = {(n, f"{gap.file}:{gap.function}") for gap in gaps for n in gap.steps}
    for gap in gaps:
        if not gap.steps:
            words = _("the stub of {function} has no `TODO`")
            yield Finding(path, words.format(function=gap.function))
    for number, place in sorted(announced - found):
        words = _("the stub of {place} has no `TODO {n}:`, which lab.toml announces")
        yield Finding(path, words.format(place=place, n=number))
    for number, place in sorted(found - announced):
        words = _("`todo` of step {n} does not name {place}, whose stub has that TODO")
        yield Finding(description, words.format(place=place, n=number))


def _made(lab: Lab, made: dict[str, str]) -> Findings:
    """labs/ has what the generator makes, and nothing else."""
    there = {path.name: path.read_text("utf-8") for path in starters.sources(LABS / lab.name)}
    for name in sorted(set(made) | set(there)):
        if name not in made:
            words = _("the reference has no such file")
            yield Finding(LABS / lab.name / name, words)
        elif there.get(name) != made[name]:
            words = _("this is not what is made of the reference: make starters FORCE=1")
            yield Finding(LABS / lab.name / name, words)


def _translated(lab: Lab, gaps: list[Gap], made: dict[str, str]) -> Findings:
    """Each comment has its Russian words, and each translation its comment."""
    for gap in gaps:
        if len(list(starters.comments(gap.stub))) != len(gap.ru):
            words = _("`ru` of {function} needs one text for each comment of the stub")
            yield Finding(GAPS / f"{lab.name}.toml", words.format(function=gap.function))
    path = GAPS / f"{lab.name}.ru.toml"
    if not path.is_file():
        yield missing(path)
        return
    stubs = {starters.meaning(one) for gap in gaps for one in starters.comments(gap.stub)}
    found = {starters.meaning(one) for text in made.values() for one in starters.comments(text)}
    known = starters.catalogue(lab.name)
    for comment in sorted(found - stubs - set(known)):
        yield Finding(path, _("this comment has no translation: {words}").format(words=comment))
    for comment in sorted(set(known) - (found - stubs)):
        yield Finding(path, _("no comment has these words: {words}").format(words=comment))
