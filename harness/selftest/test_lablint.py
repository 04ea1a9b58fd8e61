"""Lint says of a lab in one sentence each what is still to be written, and what is missing; of a whole one, nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable

import pytest

from commandline import lab
from planting import NAME, NUMBER, Tree, kept, skeleton, tree

HANDOUT, RUSSIAN = f"labs/{NAME}/README.md", f"labs/{NAME}/README.ru.md"
TOML = f"labs/{NAME}/lab.toml"
CHECKS = "harness/checks/lab_07_relay"
FIRST, SECOND = f"{CHECKS}/test_step_1_start.py", f"{CHECKS}/test_step_2_in_order.py"
STATED, CAUSES = f"{CHECKS}/stated.toml", f"{CHECKS}/causes.toml"
MUTANTS, GAPS = f"solutions/mutants/{NAME}.toml", f"solutions/gaps/{NAME}.toml"
WORDS = f"solutions/gaps/{NAME}.ru.toml"
VARIANT = f"solutions/variants/{NAME}/semaphores"
QUESTIONS = f"docs/questions/{NAME}.toml"
CPU = "harness/checks/cpu.toml"

__all__ = ["kept", "skeleton", "tree"]


# -- the labs of the repository -----------------------------------------------------------------------------


def test_the_labs_lack_nothing() -> None:
    """Lint is silent about all of them."""
    ran = lab("lint")
    assert (ran.status, ran.words) == (0, "")


def test_a_lab_that_is_not_there() -> None:
    """Lint says which there are."""
    ran = lab("lint", "77")
    assert ran.status == 2 and "02-threaded-echo" in ran.err


# -- what is still to be written ----------------------------------------------------------------------------

LEFT = {
    f"solutions/{NAME}/relay.c: this is still the sample's program": 1,
    f"{TOML}: `title_ru` is not Russian": 1,
    f"{HANDOUT}: line ": 4,
    f"{RUSSIAN}: line ": 4,
    f"{CHECKS}/test_step_": 5,  # sentences without Russian
    f"{MUTANTS}: a lab of 2 steps needs at least 6 mutants, and this one has 3": 1,
    f"solutions/variants/{NAME}: a lab needs at least 2 variants, and this one has 1": 1,
    f"{QUESTIONS}: a lab needs": 2,
    "README.md: the row of lab 07": 1,
    "README.ru.md: the row of lab 07": 1,
    "docs/en/index.md: the row of lab 07": 1,
    "docs/ru/index.md: the row of lab 07": 1,
}


def test_what_is_still_to_be_written(skeleton: list[str]) -> None:
    """The texts, the program itself, more mutants, a variant, questions: a sentence each, and nothing else."""
    counted = {start: sum(line.startswith(start) for line in skeleton) for start in LEFT}
    assert counted == LEFT
    assert sum(LEFT.values()) == len(skeleton)


def test_it_is_said_in_russian(tree: Tree, skeleton: list[str]) -> None:
    """As many sentences, each with Russian words, about the same files."""
    russian = tree.lint(NUMBER, language="ru")
    assert [one.partition(": ")[0] for one in russian] == [
        one.partition(": ")[0] for one in skeleton
    ]
    english_texts = re.compile("To be written: .*|“.*”")
    assert all(re.search("[а-яё]{4}", english_texts.sub("", one)) for one in russian)


def test_all_labs_at_once(tree: Tree, skeleton: list[str]) -> None:
    """Without a number lint says the same of the new lab, and nothing of the others."""
    assert tree.lint() == skeleton


# -- one thing in turn is taken away ------------------------------------------------------------------------

Edit = Callable[[str], str]


def gone(*parts: str) -> Edit:
    """Texts are taken out, each of which is there."""

    def edit(text: str) -> str:
        for part in parts:
            assert part in text, part
            text = text.replace(part, "", 1)
        return text

    return edit


def other(old: str, new: str) -> Edit:
    """A text is replaced by another."""

    def edit(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return edit


def no_file(_text: str) -> str:
    """The file is removed."""
    return ""


def without_table(head: str) -> Edit:
    """A TOML table goes, up to the next one."""

    def edit(text: str) -> str:
        start = text.index(head)
        end = text.find("\n[", start + len(head))
        return text[:start] + (text[end + 1 :] if end > 0 else "")

    return edit


OMISSIONS: list[tuple[str, Edit, str]] = [
    # lab.toml
    (TOML, gone('title = "Relay"\n'), f"{TOML}: the lab lacks the key `title`"),
    (TOML, gone("points = 40\n"), f"{TOML}: step 1 lacks the key `points`"),
    (TOML, other("points = 40", "points = 30"), f"{TOML}: the steps have 90 points in all"),
    (TOML, other("needs = [1]", "needs = [3]"), f"{TOML}: step 2 needs step 3"),
    (TOML, other("number = 2", "number = 3"), f"{TOML}: the steps are numbered from 1"),
    (TOML, other('number = "07"', 'number = "08"'), f"{TOML}: `number` must be 07"),
    (TOML, other("needs = []", "needs = []\nhint = 1"), f"{TOML}: step 1 has a key that nobody"),
    (TOML, other("[[step]]", "[[step"), f"{TOML}: this is no TOML"),
    (TOML, other("needs = []", 'needs = []\nblocks = ["no-such"]'), f"{TOML}: `blocks` of step 1"),
    # the reference and the starter
    (GAPS, no_file, f"{GAPS}: this file is missing"),
    (GAPS, gone('file = "relay.c"\n'), f"{GAPS}: `runner_run` lacks the key `file`"),
    (GAPS, other('"runner_run"', '"runner_walk"'), f"{GAPS}: a gap needs one function runner_walk"),
    (WORDS, no_file, f"{WORDS}: this file is missing"),
    (WORDS, without_table('[[comment]]\nen = "from 1"'), f"{WORDS}: this comment has no transl"),
    (WORDS, other('en = "from 1"', 'en = "from 2"'), f"{WORDS}: no comment has these words"),
    (f"labs/{NAME}/relay.c", no_file, f"labs/{NAME}/relay.c: this is not what is made"),
    # handouts
    (HANDOUT, no_file, f"{HANDOUT}: this file is missing"),
    (HANDOUT, other("07. Relay", "07. Race"), f"{HANDOUT}: the title does not end with"),
    (HANDOUT, gone("[По-русски](README.ru.md)"), f"{HANDOUT}: below the title there is no link"),
    (HANDOUT, other("(40 points)", "(41 points)"), f"{HANDOUT}: there must be one section `Step 1."),
    (HANDOUT, gone("TODO 1: "), f"{HANDOUT}: the section of step 1 does not have `TODO 1:`"),
    (HANDOUT, gone("`runners_start`"), f"{HANDOUT}: the section of step 1 does not name"),
    (HANDOUT, other("Done when:", "It is:"), f"{HANDOUT}: the section of step 2 does not say"),
    (HANDOUT, other("`wrong-order` |", "order |"), f"{HANDOUT}: the table of failures has no row"),
    (HANDOUT, other("`wrong-order` |", "`wrong-order`, `no-such` |"), "names `no-such`, which is"),
    (HANDOUT, gone("gcc -std=c11"), f"{HANDOUT}: no `gcc` command in a block `sh` builds relay"),
    (RUSSIAN, gone("- гонок данных нет.\n"), f"{RUSSIAN}: `Шаг 2. По порядку (60 баллов)` has"),
    # checks
    (f"{CHECKS}/__init__.py", no_file, f"{CHECKS}/__init__.py: this file is missing"),
    (STATED, no_file, f"{STATED}: this file is missing"),
    (FIRST, gone(', "each-runs"'), f"{FIRST}: test_each_runner_runs does not name what it demands"),
    (SECOND, other('@step(2, "no', '@step(1, "no'), "is not marked with the step of its module"),
    (FIRST, other(", once.", ", once"), f"{FIRST}: test_each_runner_runs has no sentence"),
    (STATED, other("is the last", "is last"), f"{HANDOUT}: this does not say what `in-order`"),
    (STATED, gone('ru = ["гонок данных нет"]'), f"{STATED}: `no-races` needs sentences in `en`"),
    (MUTANTS, without_table('[[mutant]]\nname = "waits'), "no mutant is made for test_they_run"),
    # mutants, variants, questions, places
    (MUTANTS, no_file, f"{MUTANTS}: this file is missing"),
    (MUTANTS, gone('cause = "runner-lost"\n'), f"{MUTANTS}: `one-too-few` lacks the key `cause`"),
    (MUTANTS, other('"waits-for-nobody"', '"one-too-few"'), "two mutants are called `one-too-few`"),
    (MUTANTS, other("int count = parse", "int n = parse"), "`one-too-few` looks for does not"),
    (MUTANTS, other('step = 1', 'step = 2'), "test_each_runner_runs, which is no check of step 2"),
    (f"{VARIANT}/relay.c", no_file, f"{VARIANT}: this variant has no C file"),
    (QUESTIONS, no_file, f"{QUESTIONS}: this file is missing"),
    (QUESTIONS, other('"waiting"', '"yarn"'), f"{QUESTIONS}: 07-relay-while: there is no topic"),
    (CPU, gone("[07]\n1 = 0.1\n2 = 0.1\n"), f"{CPU}: step 2 of lab 07 has no number here"),
    ("README.ru.md", gone("labs/07-relay/README.ru.md"), "README.ru.md: the table of labs has no"),
]  # fmt: skip


@pytest.mark.parametrize("file, edit, words", OMISSIONS, ids=[words for *_, words in OMISSIONS])
def test_what_is_taken_away_is_named(
    kept: Tree, skeleton: list[str], file: str, edit: Edit, words: str
) -> None:
    """One sentence more names it."""
    path = kept.root / file
    text = edit(path.read_text("utf-8"))
    path.write_text(text, encoding="utf-8") if edit is not no_file else path.unlink()
    more = [line for line in kept.lint(NUMBER) if line not in skeleton]
    assert [line for line in more if words in line], more


def test_a_lab_without_a_description(kept: Tree) -> None:
    """Each file of a lab that has no lab.toml is named; so is a lab with its number only."""
    (kept.root / TOML).unlink()
    said = kept.lint(NUMBER)
    assert len(said) == 8 and said == kept.lint()
    assert all(f"there is no {TOML}" in line for line in said)


def test_another_lab_has_the_number(kept: Tree) -> None:
    """Both are named."""
    twin = kept.root / "labs/07-twin"
    shutil.copytree(kept.root / f"labs/{NAME}", twin)
    try:
        said = kept.lint(NUMBER)
    finally:
        shutil.rmtree(twin)
    assert f"{TOML}: 07-twin has the same number" in said
    assert "labs/07-twin/lab.toml: 07-relay has the same number" in said


def test_a_description_that_is_not_whole(kept: Tree) -> None:
    """`check` says in a sentence what is missing, and where to hear more; that is no student's fault."""
    path = kept.root / TOML
    path.write_text(path.read_text("utf-8").replace('title = "Relay"\n', ""), encoding="utf-8")
    ran = kept.lab("check", NUMBER)
    assert ran.status == 3 and "lacks the key 'title'" in ran.err and "Traceback" not in ran.err
