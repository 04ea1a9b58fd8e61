"""Whether a lab's handouts have what each must have, in both languages."""

from __future__ import annotations

import re

from labkit.causes import table as causes
from labkit.ground.catalog import LABS, Lab, toml
from labkit.ground.words import _
from labkit.workbook.answers import MUTANTS
from labkit.workbook.demands import DONE, done
from labkit.workbook.handout import FAILURES, NAMES, STEP, Handout, Section
from labkit.workbook.lint.finding import Finding, Findings, missing

WIDTH = 120
UNWRITTEN = re.compile(r"to be written|надо написать", re.IGNORECASE)


def findings(lab: Lab) -> Findings:
    """What the handouts lack, and the titles in lab.toml."""
    yield from _titles(lab)
    there = [Handout(lab, language) for language in NAMES]
    for handout in there:
        if handout.path.is_file():
            yield from _handout(handout)
        else:
            yield missing(handout.path)
    if all(handout.path.is_file() for handout in there):
        yield from _alike(*there)


def _titles(lab: Lab) -> Findings:
    """Each title has Russian words in Russian."""
    for title, title_ru in [(lab.title, lab.title_ru)] + [(s.title, s.title_ru) for s in lab.steps]:
        if not re.search("[а-яё]", title_ru, re.IGNORECASE):
            words = _("`title_ru` is not Russian where `title` is `{title}`")
            yield Finding(LABS / lab.name / "lab.toml", words.format(title=title))


def _handout(handout: Handout) -> Findings:
    yield from _lines(handout)
    yield from _title(handout)
    yield from _steps(handout)
    yield from _failures(handout)
    yield from _builds(handout)


def _lines(handout: Handout) -> Findings:
    """What is yet to be written, and lines too long to read."""
    for number, line in enumerate(handout.text.splitlines(), 1):
        if UNWRITTEN.match(line):
            yield Finding(handout.path, _("line {n}: {words}").format(n=number, words=line))
        if len(line) > WIDTH and not line.startswith("|"):
            words = _("line {n} is longer than {most} characters")
            yield Finding(handout.path, words.format(n=number, most=WIDTH))


def _title(handout: Handout) -> Findings:
    lab, other = handout.lab, NAMES["ru" if handout.language == "en" else "en"]
    title = lab.title if handout.language == "en" else lab.title_ru
    wanted = f"{lab.number}. {title}"
    if not handout.sections[0].heading.endswith(wanted):
        words = _("the title does not end with `{title}`")
        yield Finding(handout.path, words.format(title=wanted))
    if f"]({other})" not in handout.sections[0].prose:
        words = _("below the title there is no link to the other language, {file}")
        yield Finding(handout.path, words.format(file=other))


def _steps(handout: Handout) -> Findings:
    """Each step has its section, which says what to write and when it is done."""
    form, title = STEP[handout.language], "title" if handout.language == "en" else "title_ru"
    steps = toml(LABS / handout.lab.name / "lab.toml")["step"]
    wanted = {form.format(n=s["number"], title=s[title], points=s["points"]): s for s in steps}
    there = {
        s.heading: s for s in handout.sections if s.heading.startswith(form[: form.index("{")])
    }
    for heading in there.keys() - wanted.keys():
        words = _("lab.toml has no such step: `{heading}`")
        yield Finding(handout.path, words.format(heading=heading))
    for heading, step in wanted.items():
        if heading in there and len(handout.headings(heading.partition(". ")[0] + ". ")) == 1:
            yield from _step(handout, step["number"], step["todo"], there[heading])
        else:
            words = _("there must be one section `{heading}`")
            yield Finding(handout.path, words.format(heading=heading))


def _step(handout: Handout, number: int, todo: list[str], section: Section) -> Findings:
    mark = f"TODO {number}:"
    if todo and mark not in section.prose:
        words = _("the section of step {n} does not have `{mark}`")
        yield Finding(handout.path, words.format(n=number, mark=mark))
    if not todo and mark in section.prose:
        words = _("the section of step {n} has `{mark}`, and the starter has no such TODO")
        yield Finding(handout.path, words.format(n=number, mark=mark))
    for function in sorted({place.rpartition(":")[2] for place in todo} - section.spans()):
        words = _("the section of step {n} does not name `{function}`, which is written for it")
        yield Finding(handout.path, words.format(n=number, function=function))
    if not done(handout, number):
        words = _("the section of step {n} does not say `{done}`")
        yield Finding(handout.path, words.format(n=number, done=DONE[handout.language]))


def _failures(handout: Handout) -> Findings:
    """The table of failures has each cause of the lab's mutants, and none that nobody knows."""
    sections = [s for s in handout.sections if s.heading.startswith(FAILURES[handout.language])]
    if len(sections) != 1:
        words = _("there must be one section `{heading}`")
        yield Finding(handout.path, words.format(heading=FAILURES[handout.language]))
        return
    rows = sections[0].tables
    named = {word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])}
    path = MUTANTS / f"{handout.lab.name}.toml"
    tables = toml(path).get("mutant", []) if path.is_file() else []
    planted = {table["cause"] for table in tables if "cause" in table}
    for cause in sorted(planted - named):
        words = _("the table of failures has no row for `{cause}`, which a mutant has")
        yield Finding(handout.path, words.format(cause=cause))
    for cause in sorted(named - planted - causes.names()):
        words = _("the table of failures names `{cause}`, which is no cause")
        yield Finding(handout.path, words.format(cause=cause))


def _builds(handout: Handout) -> Findings:
    """A command builds each program by hand."""
    texts = [block.text.replace("\\\n", " ") for block in handout.blocks if block.kind == "sh"]
    built = re.findall(r"^gcc .* -o \S*?([\w-]+)$", "\n".join(texts), re.MULTILINE)
    for program in sorted(set(handout.lab.programs) - set(built)):
        words = _("no `gcc` command in a block `sh` builds {program}")
        yield Finding(handout.path, words.format(program=program))


def _alike(english: Handout, russian: Handout) -> Findings:
    """Both have the same sections, with the same blocks, tables and lists."""
    ours, theirs = english.sections, russian.sections
    if len(ours) != len(theirs):
        words = _("sections here: {n}; sections in the English handout: {m}")
        yield Finding(russian.path, words.format(n=len(theirs), m=len(ours)))
        return
    for one, other in zip(ours, theirs):
        if one.outline() != other.outline():
            words = _("`{heading}` has other blocks, table rows or list items than `{english}`")
            words = words.format(heading=other.heading, english=one.heading)
            yield Finding(russian.path, words)
