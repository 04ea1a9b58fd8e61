"""Whether a lab's checks say what they demand, the handouts state it, and both languages have the words."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

from labkit.causes import table as causes
from labkit.ground import words as language
from labkit.ground.catalog import LABS, Lab
from labkit.ground.faults import Trouble
from labkit.ground.words import _
from labkit.workbook.demands import Check, checks, done, plain, sentences
from labkit.workbook.handout import NAMES, STEP, Handout
from labkit.workbook.lint.finding import Finding, Findings, missing, read


def findings(lab: Lab) -> Findings:
    """What the checks lack."""
    broken = list(_unreadable(lab))
    yield from broken
    if broken:
        return
    found = checks(lab)
    yield from _modules(lab, found)
    for check in found:
        yield from _check(lab, check)
    yield from _known_causes(lab)
    yield from _translated(lab, found)
    table = read(lab.checks / "stated.toml")
    if isinstance(table, Finding):
        yield table
    else:
        yield from _demands(lab, found)


def _unreadable(lab: Lab) -> Findings:
    """The directory is there, as a package, and its modules are Python."""
    if not (lab.checks / "__init__.py").is_file():
        yield missing(lab.checks / "__init__.py")
    for path in sorted(lab.checks.glob("*.py")):
        try:
            ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            yield Finding(path, _("this is no Python: {error}").format(error=error))


def _modules(lab: Lab, found: list[Check]) -> Findings:
    """A module for each step, with a check in it; a module's name begins with its step."""
    for step in lab.steps:
        modules = list(lab.checks.glob(f"test_step_{step.number}_*.py"))
        if not modules:
            words = _("step {n} has no module test_step_{n}_TITLE.py here")
            yield Finding(lab.checks, words.format(n=step.number))
        elif step.number not in {check.step for check in found}:
            yield Finding(modules[0], _("step {n} has no check").format(n=step.number))


def _check(lab: Lab, check: Check) -> Findings:
    numbers = [step.number for step in lab.steps]
    if check.step not in numbers or not check.path.name.startswith(f"test_step_{check.step}_"):
        words = _("{check} is not marked with the step of its module: @step(N, …)")
        yield Finding(check.path, words.format(check=check.name))
    if not check.stated:
        words = _("{check} does not name what it demands: @step(N, DEMAND)")
        yield Finding(check.path, words.format(check=check.name))
    if not check.sentence.endswith("."):
        words = _("{check} has no sentence to the student: its docstring")
        yield Finding(check.path, words.format(check=check.name))


def _known_causes(lab: Lab) -> Findings:
    """What checks and lab.toml name as a cause is one."""
    for path in sorted(lab.checks.glob("*.py")):
        named = set(re.findall(r'cause="([a-z-]+)"', path.read_text(encoding="utf-8")))
        for cause in sorted(named - causes.names(lab)):
            words = _("`{cause}` is no cause: neither causes.toml nor general.toml has it")
            yield Finding(path, words.format(cause=cause))
    for step in lab.steps:
        for entry in step.blocks:
            if entry.rpartition(": ")[2] not in causes.names(lab):
                words = _("`blocks` of step {n} names no cause: {entry}")
                path = LABS / lab.name / "lab.toml"
                yield Finding(path, words.format(n=step.number, entry=entry))


def _translated(lab: Lab, found: list[Check]) -> Findings:
    """What a check says to a student has its Russian words in the catalog."""
    catalog = language.catalog_of("ru")
    if not isinstance(catalog, gettext.GNUTranslations):
        raise Trouble(_("the Russian catalog can't be read: is msgfmt there?"))
    said = {(check.path, check.sentence): None for check in found if check.sentence}
    said |= {(path, text): None for path in sorted(lab.checks.glob("*.py")) for text in _said(path)}
    for path, text in said:
        if catalog.gettext(text) == text and re.search("[a-z]{3}", text):
            words = _("the catalog has no Russian for “{text}”: make words, translate, make words")
            yield Finding(path, words.format(text=text))


def _said(path: Path) -> Iterator[str]:
    """The messages that a module gives to `_`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
            if node.args and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


# -- demands ---------------------------------------------------------------------------------------------


def _demands(lab: Lab, found: list[Check]) -> Findings:
    path, known = lab.checks / "stated.toml", sentences(lab)
    for check in found:
        for demand in sorted(set(check.stated) - set(known)):
            words = _("{check} demands `{demand}`, which stated.toml does not have")
            yield Finding(check.path, words.format(check=check.name, demand=demand))
    for demand in sorted(set(known) - {one for check in found for one in check.stated}):
        yield Finding(path, _("no check demands `{demand}`").format(demand=demand))
    odd = {name for name, said in known.items() if _lacks(said)}
    for demand in sorted(odd):
        words = _("`{demand}` needs sentences in `en` and in `ru`, as many in each")
        yield Finding(path, words.format(demand=demand))
    for name in NAMES:
        handout = Handout(lab, name)
        if handout.path.is_file() and not odd:
            yield from _stated(handout, known)
            yield from _judged(handout, known, found)


def _lacks(said: dict[str, list[str]]) -> bool:
    return set(said) != set(NAMES) or not said["en"] or len(said["en"]) != len(said["ru"])


def _stated(handout: Handout, known: dict[str, dict[str, list[str]]]) -> Findings:
    """The handout has each demand's sentences, word for word."""
    text = plain(handout.text)
    for demand, said in known.items():
        for sentence in said[handout.language]:
            if plain(sentence) not in text:
                words = _("this does not say what `{demand}` of stated.toml quotes: {sentence}")
                yield Finding(handout.path, words.format(demand=demand, sentence=sentence))


def _judged(
    handout: Handout, known: dict[str, dict[str, list[str]]], found: list[Check]
) -> Findings:
    """Whatever makes a step done is demanded by a check of that step."""
    start = STEP[handout.language].partition("{")[0]
    for step in handout.lab.steps:
        if len([h for h in handout.headings(f"{start}{step.number}. ")]) != 1:
            continue  # the handout's own findings say so
        stated = {one for check in found if check.step == step.number for one in check.stated}
        said = [plain(w) for one in stated & set(known) for w in known[one][handout.language]]
        for item in done(handout, step.number):
            if not any(one in item or item in one for one in said):
                words = _("no check of step {n} demands what makes it done: {item}")
                yield Finding(handout.path, words.format(n=step.number, item=item))
