"""A cause is one entry, in both languages, and everything that is named has one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from labkit.causes import table
from labkit.causes.table import GENERAL, Cause
from labkit.ground.catalog import HARNESS, Lab, all_labs, find, toml

KEYS = {"title", "text", "meaning", "advice", "by_hand"}
PLACEHOLDERS = {"{bin}", "{work}", "{mode}", "{server}", "{serve}"}
FILES = [GENERAL, *sorted(HARNESS.glob("checks/*/causes.toml"))]


def entries() -> list[tuple[str, dict[str, Any]]]:
    """All causes of all files."""
    return [(f"{path.parent.name}:{name}", e) for path in FILES for name, e in toml(path).items()]


@pytest.mark.parametrize("name, entry", entries(), ids=[name for name, _entry in entries()])
def test_an_entry_is_whole(name: str, entry: dict[str, Any]) -> None:
    """It has a title or a meaning, known keys only, and each text in English and in Russian, which differ."""
    assert entry.keys() <= KEYS and entry.keys() & {"title", "meaning"}
    for key in entry.keys() - {"by_hand"}:
        assert entry[key].keys() == {"en", "ru"}, key
        assert re.search("[а-яё]", entry[key]["ru"]) and not re.search("[а-яё]", entry[key]["en"])
    for command in entry.get("by_hand", ()):
        assert isinstance(command, str) or command.keys() == {"en", "ru"}
        said = [command] if isinstance(command, str) else list(command.values())
        assert len({one.partition("  # ")[0] for one in said}) == 1
        for one in said:
            assert set(re.findall(r"\{[a-z]+\}", one)) <= PLACEHOLDERS, one


@pytest.mark.parametrize("lab", all_labs(), ids=lambda lab: lab.number)
def test_what_a_labs_checks_name_is_known(lab: Lab) -> None:
    """Where a lab's checks say cause="…", the lab or all labs have an entry for it."""
    named = set()
    for path in lab.checks.glob("*.py"):
        named |= set(re.findall(r'cause="([a-z-]+)"', path.read_text(encoding="utf-8")))
    assert named - table.names(lab) == set()


def test_a_labs_own_words_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lab 03 has other words for a program that does not stop than a server's lab; a tool's words stay."""
    monkeypatch.setenv("LANGUAGE", "en")
    own, general = table.find("thread-leak", find("03")), table.find("thread-leak", find("02"))
    assert own and general and own.text != general.text
    assert own.meaning == general.meaning != ""


def test_the_readers_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for each time."""
    monkeypatch.setenv("LANGUAGE", "ru")
    russian = table.find("hang")
    monkeypatch.setenv("LANGUAGE", "en")
    english = table.find("hang")
    assert russian and english and russian.title != english.title


def test_nobody_knows_it() -> None:
    """A name without an entry is none; of a tool's finding the general words are said."""
    assert table.find("no-such-cause") is None and table.find(None) is None
    assert table.meaning("no-such-cause") == table.meaning("other") != ""


def test_where_there_is_no_file(tmp_path: Path) -> None:
    """A lab without causes of its own has those of all labs."""
    assert dict(table._read(tmp_path / "causes.toml", False)) == {}
    assert isinstance(table.find("hang", find("02")), Cause)
