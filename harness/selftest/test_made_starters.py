"""Starters are made of the references: labs/ has what the generator makes, and the Russian ones are the same programs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from labkit.build import starters
from labkit.build.build import WARNINGS
from labkit.build.starters import Gap, Refused
from labkit.ground.catalog import COMMON, LABS, SOLUTIONS, all_labs, find, toml

NAMES = [one.name for one in all_labs()]
GIVEN = "common"
TODO = re.compile(r"\bTODO (\d+):")


def english(name: str) -> dict[str, str]:
    """The files of a directory that students get, by name."""
    return starters.common() if name == GIVEN else starters.starter(name)


def russian(name: str) -> dict[str, str]:
    """The same with Russian comments."""
    return starters.common("ru") if name == GIVEN else starters.starter(name, "ru")


# -- the generator and what is committed -----------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_labs_has_what_is_made(name: str) -> None:
    """Byte for byte, and no other C file; `make starters` mends it."""
    there = {path.name: path.read_bytes() for path in starters.sources(LABS / name)}
    assert there == {file: text.encode("utf-8") for file, text in english(name).items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_gap_is_a_function_to_be_written(name: str) -> None:
    """Its stub has a TODO and is not the reference's body; the reference has no TODO at all."""
    complete = {path.name: path.read_text("utf-8") for path in starters.sources(SOLUTIONS / name)}
    assert not any(TODO.search(text) for text in complete.values())
    for gap in starters.gaps(name):
        assert gap.steps, gap
        assert starters.with_gap(complete[gap.file], gap) != complete[gap.file]


@pytest.mark.parametrize("name", NAMES)
def test_every_gap_has_a_contract(name: str) -> None:
    """Above each gap a comment says what the function is to do."""
    for gap in starters.gaps(name):
        above = re.split(rf"^{gap.function}\(", english(name)[gap.file], maxsplit=1, flags=re.M)[0]
        assert re.search(r"\*/\n[^\n{};]*\n\Z", above), gap.function


@pytest.mark.parametrize("name", NAMES)
def test_the_todos_are_those_of_the_steps(name: str) -> None:
    """lab.toml names for each step the functions with a TODO of its number, and no others."""
    steps = toml(LABS / name / "lab.toml")["step"]
    announced = {(step["number"], gap) for step in steps for gap in step["todo"]}
    found = {(n, f"{gap.file}:{gap.function}") for gap in starters.gaps(name) for n in gap.steps}
    assert found == announced


# -- Russian -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_todos_are_in_both_languages(name: str) -> None:
    """Each comment of a stub has its translation in the gap, with the same TODOs."""
    for gap in starters.gaps(name):
        comments = list(starters.comments(gap.stub))
        assert [TODO.findall(one) for one in comments] == [TODO.findall(one) for one in gap.ru], gap


@pytest.mark.parametrize("name", [*NAMES, GIVEN])
def test_every_comment_is_translated(name: str) -> None:
    """The catalogue has each comment that a starter has, but for those of the stubs, and no others."""
    stubs = {
        starters.meaning(comment)
        for gap in (starters.gaps(name) if name != GIVEN else [])
        for comment in starters.comments(gap.stub)
    }
    found = {
        starters.meaning(comment)
        for text in english(name).values()
        for comment in starters.comments(text)
    }
    catalogue = starters.catalogue(name)
    assert found - stubs - set(catalogue) == set(), "these have no translation"
    assert set(catalogue) - (found - stubs) == set(), "these are no comments any more"


@pytest.mark.parametrize("name", [*NAMES, GIVEN])
def test_a_comment_has_one_translation(name: str) -> None:
    """No English words stand twice in a catalogue."""
    table = toml(starters.GAPS / f"{name}.ru.toml")["comment"]
    assert len({starters.meaning(entry["en"]) for entry in table}) == len(table)


@pytest.mark.parametrize("name", [*NAMES, GIVEN])
def test_the_same_program(name: str) -> None:
    """Without its comments a Russian starter is the English one; it keeps to the columns."""
    translated = russian(name)
    for file, text in english(name).items():
        assert starters.stripped(translated[file]) == starters.stripped(text)
    lines = [line for text in translated.values() for line in text.split("\n")]
    assert [line for line in lines if len(line.expandtabs(starters.TAB)) > starters.COLUMNS] == []


@pytest.mark.parametrize("name", [*NAMES, GIVEN])
def test_the_russian_one_compiles(name: str, tmp_path: Path) -> None:
    """Without a warning, with the handout's flags."""
    flags = ["-pthread"] if name == GIVEN else find(name).flags
    for file, text in russian(name).items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    units = [str(path) for path in tmp_path.glob("*.c")]
    command = ["gcc", *WARNINGS, "-Werror", *flags, "-I", str(COMMON), "-fsyntax-only", *units]
    said = subprocess.run(command, capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (0, "")


# -- comments in another language ------------------------------------------------------------------------

SOURCE = """\
/*
 * name - what it is
 *
 *	name [-a ADDRESS]
 *
 * A paragraph of two
 * lines.
 */

static int many; /* of them */

/* What it does. */
int
name(void)
{
	return '"' + many + "/* no comment */"[0];
}
"""
WORDS = {
    "name - what it is\n\n\tname [-a ADDRESS]\n\nA paragraph of two lines.": (
        "имя - что это\n\n\tname [-a ADDRESS]\n\nАбзац."
    ),
    "of them": "их столько, что в оставшееся место строки, увы, ни за что не поместится",
    "What it does.": "Что делает.",
}
RUSSIAN = """\
/*
 * имя - что это
 *
 *	name [-a ADDRESS]
 *
 * Абзац.
 */

static int many; /* их столько, что в оставшееся место строки, увы, ни за
                  * что не поместится */

/* Что делает. */
int
name(void)
{
	return '"' + many + "/* no comment */"[0];
}
"""


def test_comments_are_laid_out() -> None:
    """Filled anew, in the form that the English comment has; what only looks like a comment stays."""
    assert starters.translated(SOURCE, WORDS, "name.c") == RUSSIAN


def test_a_comment_without_translation() -> None:
    """The refusal says which comment and where."""
    words = {english: ru for english, ru in WORDS.items() if english != "of them"}
    with pytest.raises(Refused, match="name.c.*of them"):
        starters.translated(SOURCE, words, "name.c")


@pytest.mark.parametrize("function", ["nobody", "nam", "many"])
def test_a_gap_of_no_function(function: str) -> None:
    """A gap whose function is not there is refused by name."""
    with pytest.raises(Refused, match=function):
        starters.with_gap(SOURCE, Gap("name.c", function, "\treturn 0;\n", ()))


# -- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", starters.LANGUAGES)
def test_into_a_directory(language: str, tmp_path: Path) -> None:
    """All labs and labs/common, in the language; a second time there is nothing to do."""
    written = starters.make(language, tmp_path)
    assert {path.parent.name for path in written} == {*NAMES, GIVEN}
    words = "".join(comment for p in written for comment in starters.comments(p.read_text("utf-8")))
    assert bool(re.search("[а-яё]{4}", words)) == (language == "ru")
    assert starters.make(language, tmp_path) == []


def test_no_work_is_lost(tmp_path: Path) -> None:
    """A file that somebody has changed, and git has not got, is overwritten by force only."""
    changed = tmp_path / "01-echo" / "echo_server.c"
    changed.parent.mkdir()
    changed.write_text("int mine;\n", encoding="utf-8")
    with pytest.raises(Refused, match="echo_server.c"):
        starters.make("en", tmp_path)
    assert [path for path in tmp_path.rglob("*.c")] == [changed]
    assert changed in starters.make("en", tmp_path, force=True)


def test_labs_is_english() -> None:
    """Russian starters are not written over the English ones."""
    with pytest.raises(Refused, match="labs"):
        starters.make("ru", LABS)
