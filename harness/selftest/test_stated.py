"""What is judged is stated: each check names what it demands, and both handouts say it, word for word.

`stated.toml` beside a lab's checks has a table for each demand: the sentences of either handout that say it. A
check names its demands in its mark, `@step(2, "echo", "half-close")`. What stands in a list of "Done when" is
demanded by a check in turn.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest

from labkit.causes import table as causes
from labkit.ground.catalog import Lab, all_labs
from labkit.workbook.demands import done, plain, sentences
from labkit.workbook.handout import NAMES, Handout

LAB = pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.number)
# What is demanded in labkit.scene, and by the tools, is demanded of the lab whose check calls it.
COMMON = {
    "compiles_cleanly": "no-warning",
    "shows_usage": "usage",
    "refuses": "arguments",
    "says_where_it_listens": "first-lines",
    "listens_where_told": "address",
    "reports_busy_port": "busy-port",
    "stops": "stop",
    "binds_again": "port-again",
    "hears_every_signal": "any-moment",
    "stopped_and_continued": "ctrl-z",
    "broken_pipe": "broken-pipe",
    "calm_while_short": "shortage",
    "let_in": "soon-in",
    "let_talks_in": "soon-in",
    "names_are_true": "true-names",
    "hides_nothing": "hides-nothing",
}


def functions(lab: Lab) -> dict[str, ast.FunctionDef]:
    """All functions of a lab's checks, by name; where two modules have one of a name, the name is `MODULE.NAME`, too."""
    found: dict[str, ast.FunctionDef] = {}
    for path in sorted(lab.checks.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                found[f"{path.stem}.{node.name}"] = node
                found.setdefault(node.name, node)
    return found


def checks(lab: Lab) -> Iterator[tuple[str, int, set[str]]]:
    """Each check of a lab: its name with its module's, its step, and what it says that it demands."""
    for name, node in functions(lab).items():
        if ".test_" in name:
            (mark,) = [d for d in node.decorator_list if isinstance(d, ast.Call)]
            number, *stated = [ast.literal_eval(word) for word in mark.args]
            yield name, number, set(stated)


def called(node: ast.AST) -> set[str]:
    """The names of all that is called in a function, and of what is passed on there."""
    words = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return words | {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


def reached(lab: Lab, check: str) -> set[str]:
    """What a check calls, itself or through functions of its module and of the lab's shared one."""
    known, (module, name) = functions(lab), check.split(".")
    todo, seen = [name], set[str]()
    while todo:
        word = todo.pop()
        if word in seen:
            continue
        seen.add(word)
        node = known.get(f"{module}.{word}") or known.get(f"shared.{word}")
        todo += called(node) if node else ()
    return seen


@LAB
def test_each_check_names_what_it_demands(lab: Lab) -> None:
    """No check without a demand, none with an unknown one, no demand without a check."""
    used: set[str] = set()
    for name, _number, stated in checks(lab):
        assert stated, f"{name} does not say what it demands"
        assert stated <= set(sentences(lab)), name
        used |= stated
    assert used == set(sentences(lab))


@LAB
def test_what_all_labs_share_is_demanded_by_name(lab: Lab) -> None:
    """A check that calls what labkit.scene demands of all programs names that, too."""
    for name, _number, stated in checks(lab):
        wanted = {COMMON[word] for word in reached(lab, name) if word in COMMON}
        assert wanted <= stated, name


@pytest.mark.parametrize("language", NAMES)
@LAB
def test_the_handouts_say_it(lab: Lab, language: str) -> None:
    """Each demand has its sentences in each language, and they stand in the handout."""
    text = plain(Handout(lab, language).text)
    for demand, by_language in sentences(lab).items():
        assert by_language[language], demand
        missing = [words for words in by_language[language] if plain(words) not in text]
        assert not missing, demand
        assert len(by_language["en"]) == len(by_language["ru"]), demand


@pytest.mark.parametrize("language", NAMES)
@LAB
def test_what_makes_a_step_done_is_judged(lab: Lab, language: str) -> None:
    """Whatever a step's "Done when" lists is demanded by a check of that step."""
    for step in lab.steps:
        stated: set[str] = set().union(*(s for _name, n, s in checks(lab) if n == step.number))
        words = [plain(w) for demand in stated for w in sentences(lab)[demand][language]]
        items = done(Handout(lab, language), step.number)
        assert items, step.number
        for item in items:
            assert any(w in item or item in w for w in words), item


# -- what a failure stands in the way of -------------------------------------------------------------------


@LAB
def test_what_blocks_is_known(lab: Lab) -> None:
    """`blocks` names causes, and checks of that step; a step that nothing needs blocks nothing."""
    names: dict[int, set[str]] = {}
    for name, number, _stated in checks(lab):
        names.setdefault(number, set()).add(name.split(".")[1])
    for step in lab.steps:
        for entry in step.blocks:
            check, _colon, cause = entry.rpartition(": ")
            assert cause in causes.names()
            assert not check or check in names[step.number]
        assert not step.blocks or any(step.number in other.needs for other in lab.steps)


def test_a_corner_of_a_step_blocks_nothing() -> None:
    """A server that one odd file keeps from starting is a server: what needs the step is run."""
    chat: Any = next(lab for lab in all_labs() if lab.number == "05")
    first = chat.step(1)
    assert first.blocks_others("test_says_where_it_listens", "never-listens")
    assert first.blocks_others("", "no-program")
    for cause in ("never-listens", "ended-early", "wrong-answer", "user-lost", "no-answer"):
        assert not first.blocks_others("test_a_file_that_was_edited", cause)
