"""Whether a lab stands where all labs do: in the tables of labs, among the questions, in the budgets of CPU time."""

from __future__ import annotations

import re

from labkit.ground.budget import TABLE
from labkit.ground.catalog import ROOT, Lab
from labkit.ground.faults import Trouble
from labkit.ground.words import _
from labkit.workbook import questions
from labkit.workbook.lint.finding import Finding, Findings, missing, read
from labkit.workbook.lint.handouts import UNWRITTEN

QUESTIONS = ROOT / "docs" / "questions"
LEAST_QUESTIONS, LEAST_KINDS = 8, 4
# The tables of labs, and where a row of each leads; the site's navigation is made of the tree.
TABLES = {
    "README.md": "labs/{name}/README.md",
    "README.ru.md": "labs/{name}/README.ru.md",
    "docs/en/index.md": "labs/{name}.md",
    "docs/ru/index.md": "labs/{name}.md",
}


def findings(lab: Lab) -> Findings:
    """Where the lab is not yet, or not wholly."""
    yield from _tables(lab)
    yield from _budgets(lab)
    yield from _questions(lab)


def _tables(lab: Lab) -> Findings:
    for file, form in TABLES.items():
        link, lines = form.format(name=lab.name), (ROOT / file).read_text("utf-8").splitlines()
        rows = [line for line in lines if re.match(rf"\| \[{lab.number} [^]]+\]\({link}\) ", line)]
        if not rows:
            words = _("the table of labs has no row that leads to {link}")
            yield Finding(ROOT / file, words.format(link=link))
        elif UNWRITTEN.search(rows[0]):
            words = _("the row of lab {n} in the table of labs is not written yet")
            yield Finding(ROOT / file, words.format(n=lab.number))


def _budgets(lab: Lab) -> Findings:
    table = read(TABLE)
    if isinstance(table, Finding):
        yield table
        return
    of_lab = table.get(lab.number, {})
    for step in lab.steps:
        if str(step.number) not in of_lab:
            words = _("step {n} of lab {lab} has no number here: harness/bench/cpu.py measures it")
            yield Finding(TABLE, words.format(n=step.number, lab=lab.number))
    for number in sorted(set(of_lab) - {str(step.number) for step in lab.steps}):
        words = _("lab {lab} has no step {n}")
        yield Finding(TABLE, words.format(n=number, lab=lab.number))


def _questions(lab: Lab) -> Findings:
    path = QUESTIONS / f"{lab.name}.toml"
    if not path.is_file():
        yield missing(path)
        return
    try:
        own = [question for question in questions.load() if question.lab == lab.number]
    except Trouble as trouble:
        if str(path) in str(trouble):
            yield Finding(path, str(trouble).replace(f"{path}: ", ""))
        return
    kinds = {question.kind for question in own}
    if len(own) < LEAST_QUESTIONS:
        words = _("a lab needs at least {least} control questions, and this one has {n}")
        yield Finding(path, words.format(n=len(own), least=LEAST_QUESTIONS))
    if len(kinds) < LEAST_KINDS:
        words = _("a lab needs control questions of at least {least} kinds, and this one has {n}")
        yield Finding(path, words.format(n=len(kinds), least=LEAST_KINDS))
