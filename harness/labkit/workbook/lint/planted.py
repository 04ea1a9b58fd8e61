"""Whether a lab has mutants for all of its checks, and variants that show that another design passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labkit.build.starters import sources
from labkit.causes import table as causes
from labkit.ground.catalog import SOLUTIONS, Lab
from labkit.ground.words import _
from labkit.workbook.answers import MUTANTS, VARIANTS, Change, taken, variants
from labkit.workbook.demands import checks
from labkit.workbook.lint.finding import Finding, Findings, keys, read

MUTANTS_A_STEP = 3
LEAST_VARIANTS = 2
NEEDS = {"name", "bug", "step", "check", "cause", "change"}


def findings(lab: Lab) -> Findings:
    """What mutants and variants lack."""
    path = MUTANTS / f"{lab.name}.toml"
    table = read(path)
    if isinstance(table, Finding):
        yield table
    else:
        yield from _mutants(lab, path, table.get("mutant", []))
    yield from _variants(lab)


def _mutants(lab: Lab, path: Path, tables: list[dict[str, Any]]) -> Findings:
    least = MUTANTS_A_STEP * len(lab.steps)
    if len(tables) < least:
        words = _("a lab of {steps} steps needs at least {least} mutants, and this one has {n}")
        words = words.format(n=len(tables), steps=len(lab.steps), least=least)
        yield Finding(path, words)
    try:
        known = {(check.step, check.name) for check in checks(lab)}
    except SyntaxError:
        return  # the checks' own findings say so
    met: set[tuple[Any, str]] = set()
    for place, table in enumerate(tables):
        odd = list(keys(path, f"`{table.get('name', '?')}`", table, NEEDS, set()))
        yield from odd
        if not odd:
            if table["name"] in [other.get("name") for other in tables[:place]]:
                words = _("two mutants are called `{name}`")
                yield Finding(path, words.format(name=table["name"]))
            met |= {(table["step"], name) for name in table["check"].split(" or ")}
            yield from _mutant(lab, path, table, known)
    for _step, check in sorted(known - met, key=str):
        yield Finding(path, _("no mutant is made for {check}").format(check=check))


def _mutant(
    lab: Lab, path: Path, table: dict[str, Any], known: set[tuple[int | None, str]]
) -> Findings:
    """One mutant: its check is one of its step, its cause is known, and what it replaces stands there once."""
    name = table["name"]
    for check in table["check"].split(" or "):
        if (table["step"], check) not in known:
            words = _("`{name}` names {check}, which is no check of step {n}")
            yield Finding(path, words.format(name=name, check=check, n=table["step"]))
    if table["cause"] not in causes.names(lab):
        words = _("`{name}` names `{cause}`, which is no cause")
        yield Finding(path, words.format(name=name, cause=table["cause"]))
    texts: dict[str, str] = {}  # as the changes so far have left them
    for change in table["change"]:
        odd = list(keys(path, f"`{name}`", change, {"file", "find", "replace"}, set()))
        yield from odd or _change(lab, path, name, change, texts)


def _change(
    lab: Lab, path: Path, name: str, change: dict[str, str], texts: dict[str, str]
) -> Findings:
    """One change of a mutant; it is made in `texts`, which has each file that was changed before."""
    file = change["file"]
    source = Change(**change).source(lab)
    if not source.is_file():
        words = _("`{name}` changes {file}, which the reference does not have")
        yield Finding(path, words.format(name=name, file=file))
        return
    before = texts.get(file) or source.read_text("utf-8")
    if before.count(change["find"]) != 1:
        words = _("what `{name}` looks for does not stand in {file} exactly once: {text}")
        text = change["find"].strip().partition("\n")[0]
        yield Finding(path, words.format(name=name, file=file, text=text))
    texts[file] = before.replace(change["find"], change["replace"])


def _variants(lab: Lab) -> Findings:
    there = [path for _lab, path in variants([lab])]
    if len(there) < LEAST_VARIANTS:
        words = _("a lab needs at least {least} variants, and this one has {n}")
        yield Finding(VARIANTS / lab.name, words.format(n=len(there), least=LEAST_VARIANTS))
    for path in there:
        if not sources(path):
            yield Finding(path, _("this variant has no C file"))
        for name in taken(path):
            if not (SOLUTIONS / lab.name / name).is_file():
                words = _("it takes {file}, which the reference does not have")
                yield Finding(path / "variant.toml", words.format(file=name))
