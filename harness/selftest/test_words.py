"""The harness's words in other languages: catalogs are complete and fit their messages, and one is really used."""

from __future__ import annotations

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

import messages
from commandline import LAB, Command
from labkit.ground import words
from labkit.ground.catalog import SOLUTIONS

RUSSIAN = words.source("ru")
PLACEHOLDER = re.compile(r"\{[^{}]*\}|%\(\w+\)\w|%[rs]")
COMMENT = "  # "
# Of a message's words those that no Russian sentence has: names of programs, signals and calls it may have.
ENGLISH = re.compile(r"\b(the|that|which|was|were|is|has|not|and|with|from|after)\b")


@pytest.fixture(scope="module")
def russian() -> Catalog:
    """The Russian catalog."""
    return messages.read(RUSSIAN)


def pairs(catalog: Catalog) -> list[tuple[Message, str, str]]:
    """A message, an English form of it and the translation that goes with that, for all forms of all messages."""
    found: list[tuple[Message, str, str]] = []
    for message in catalog:
        if isinstance(message.id, tuple):
            found += [(message, message.id[1], form) for form in message.string]
        elif message.id:
            found.append((message, message.id, message.string))
    return found


# -- catalogs --------------------------------------------------------------------------------------------


def test_nothing_is_missing(russian: Catalog) -> None:
    """Every message has a translation that somebody has looked at; `make words` adds the messages."""
    said = {message.id for message in messages.template() if message.id}
    known = {message.id for message in russian if message.id}
    assert (set(), set()) == (said - known, known - said)
    assert [] == [message.id for message in messages.untranslated(russian)]
    assert {} == russian.obsolete


def test_the_file_is_as_it_would_be_written() -> None:
    """`make words` changes nothing: after a translation it has been run once more."""
    assert RUSSIAN.read_bytes() == messages.merged(RUSSIAN)


def test_the_same_places_for_values(russian: Catalog) -> None:
    """A translation takes the values that the message takes, each as often."""
    for message, english, translated in pairs(russian):
        assert sorted(PLACEHOLDER.findall(english)) == sorted(
            PLACEHOLDER.findall(translated)
        ), message.id


def test_the_same_ends(russian: Catalog) -> None:
    """Blanks and newlines at a message's ends are part of how it is put together with others."""
    for message, english, translated in pairs(russian):
        for pattern in (r"\A\s*", r"\s*\Z"):
            ours, theirs = re.search(pattern, english), re.search(pattern, translated)
            assert ours and theirs and ours[0] == theirs[0], message.id


def test_names_and_commands_stay(russian: Catalog) -> None:
    """Text in backquotes is a program's output or input, and a command is the same up to its comment."""
    for message, english, translated in pairs(russian):
        quoted = set(re.findall(r"`[^`]*`", english))
        assert quoted <= set(re.findall(r"`[^`]*`", translated)), message.id
        if COMMENT in english:
            assert english.split(COMMENT)[0] == translated.split(COMMENT)[0]


def test_three_plural_forms(russian: Catalog) -> None:
    """Russian counts 1 поток, 2 потока, 5 потоков; 21 again as 1, but 11 as 5."""
    assert 3 == russian.num_plurals
    plurals = [message for message in russian if isinstance(message.id, tuple)]
    assert plurals and all(3 == len(message.string) for message in plurals)


@pytest.mark.parametrize("n, form", [(1, 0), (2, 1), (5, 2), (11, 2), (21, 0), (22, 1), (0, 2)])
def test_which_plural_form(n: int, form: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form that goes with a number is found by the catalog's own rule."""
    monkeypatch.setenv("LANGUAGE", "ru")
    expected = ("{n} поток", "{n} потока", "{n} потоков")[form]
    assert expected == words.ngettext("{n} thread", "{n} threads", n)


def test_no_translation_repeats_its_message(russian: Catalog) -> None:
    """No translation repeats the English message, except where there is nothing to translate."""
    same = [english for _message, english, translated in pairs(russian) if english == translated]
    assert [] == [english for english in same if ENGLISH.search(english)]


# -- compiling -------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled catalogs are kept, empty; nothing is remembered of an earlier test."""
    monkeypatch.setattr(words, "COMPILED", tmp_path / "locale")
    monkeypatch.setenv("LANGUAGE", "ru")
    words.catalog_of.cache_clear()
    return tmp_path / "locale"


def test_it_is_compiled_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run in Russian leaves a compiled catalog, and a later one needs no msgfmt."""
    assert "пройден" == words._("passed")
    assert ["labkit.mo"] == [path.name for path in place.rglob("*") if path.is_file()]
    words.catalog_of.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert "пройден" == words._("passed")


def test_it_is_compiled_anew(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog that has changed since is compiled again."""
    catalogs = tmp_path / "catalogs"
    shutil.copytree(words.CATALOGS, catalogs)
    monkeypatch.setattr(words, "CATALOGS", catalogs)
    assert "пройден" == words._("passed")
    source = words.source("ru")
    source.write_text(source.read_text(encoding="utf-8").replace('"пройден"', '"сдан"'))
    words.catalog_of.cache_clear()
    assert "сдан" == words._("passed")


def test_many_start_at_once(place: Path) -> None:
    """Runs that find no compiled catalog at the same moment all have the words, and leave one file."""
    load = words.catalog_of.__wrapped__
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _n: load("ru").gettext("passed"), range(16)))
    assert {"пройден"} == set(loaded)
    assert ["labkit.mo"] == [path.name for path in place.rglob("*") if path.is_file()]


def test_without_a_place_to_keep_it(place: Path) -> None:
    """Where build/ can't be written the words are there all the same."""
    place.write_text("not a directory")
    assert "пройден" == words._("passed")


def test_without_msgfmt(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the words are English."""
    monkeypatch.setenv("PATH", "")
    assert "passed" == words._("passed")


@pytest.mark.parametrize("language", ["en:ru", "C", "de_DE.UTF-8", "../ru", ""])
def test_english_costs_nothing(place: Path, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Russian is not the first choice, or no catalog has the language, nothing is compiled."""
    for name in words.DECIDED_BY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANGUAGE", language)
    monkeypatch.setattr(subprocess, "run", None)
    assert "passed" == words._("passed")
    assert not place.exists()


# -- in use ----------------------------------------------------------------------------------------------


def test_a_failure_in_russian(tmp_path: Path) -> None:
    """A broken program's failure block has no English sentence of ours in it."""
    shutil.copytree(SOLUTIONS / "01-echo", tmp_path / "01-echo")
    source = tmp_path / "01-echo" / "echo_server.c"
    text = source.read_text()
    assert 1 == text.count('"server started')
    source.write_text(text.replace('"server started', '"Server started'))
    command = (
        LAB,
        "check",
        "01",
        "--step",
        "1",
        "--work",
        tmp_path,
        "--report",
        tmp_path / "report",
    )
    ran = Command(command, env={"LANGUAGE": "ru"}).wait()
    assert 1 == ran.status
    assert "✗ шаг 1  " in ran.out and "ожидалось" in ran.out and "Вероятная причина:" in ran.out
    shown = [line for line in ran.out.splitlines() if not line.startswith("  $ ")]
    assert [] == [line for line in shown if ENGLISH.search(line)]


def test_the_commands_in_russian() -> None:
    """The words of argparse come from the catalog as well, and so does a wrong argument's message."""
    ran = Command((LAB, "check", "--help"), env={"LANGUAGE": "ru"}).wait()
    assert ran.out.startswith("вызов: lab check") and "show this" not in ran.out
    wrong = Command((LAB, "check", "77"), env={"LANG": "ru_RU.UTF-8", "LC_ALL": ""}).wait()
    assert 2 == wrong.status and "работы '77' нет" in wrong.err
