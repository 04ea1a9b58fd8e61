"""The causes, by their names: what each means, what to do about it, and how to see it by hand, in both languages.

`general.toml` beside this file has those that more than one lab can name, and those of the tools. A lab's own
causes, and what a general one means in this lab, stand in `causes.toml` beside the lab's checks. A table's name is
the cause's: it stands in results.json and does not change. Its keys, of which each text has .en and .ru:

title: what is wrong, in a few words. text: what the block says below it: what it most likely comes from, and what
to do. meaning, advice: the same where a tool's report is told at length. by_hand: commands to paste, a string, or
one each in en and ru where there is a comment to translate. In a command {bin} is where the built program lies,
{work} the directory with its sources, {mode} the option -m with which it failed, if it had one, {server} the lab's
server, and {serve} the command that starts it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labkit.ground import faults
from labkit.ground.catalog import Lab, all_labs, toml
from labkit.ground.words import russian

GENERAL = Path(__file__).with_name("general.toml")
OTHER = "other"  # a tool's finding that has no name of its own


@dataclass(frozen=True)
class Cause:
    """A cause in the reader's language; texts that it does not have are empty."""

    name: str
    title: str = ""
    text: str = ""
    meaning: str = ""
    advice: str = ""
    by_hand: tuple[str, ...] = ()


def find(name: str | None, lab: Lab | None = None) -> Cause | None:
    """The cause of a name, as it looks in a lab; None where nobody knows it."""
    general = _read(GENERAL, russian()).get(name or "")
    own = _read(_of(lab), russian()).get(name or "") if lab else None
    if own and general:
        return replace(own, meaning=general.meaning, advice=general.advice)
    return own or general


@functools.lru_cache(maxsize=None)
def names(lab: Lab | None = None) -> frozenset[str]:
    """The names that a lab's checks and the harness may give; without a lab those of all labs."""
    labs = [lab] if lab else all_labs()
    own = [name for one in labs for name in _read(_of(one), False)]
    return frozenset([*own, *_read(GENERAL, False)])


def known(name: str) -> bool:
    """Whether a lab's checks and the harness may give this name; reads the tables only until one has it."""
    return name in _read(GENERAL, russian()) or any(
        name in _read(_of(lab), russian()) for lab in all_labs() if name in _text(_of(lab))
    )


def meaning(name: str) -> str:
    """What a tool's finding means for the program, in a sentence or two."""
    return _told(name).meaning


def advice(name: str) -> str:
    """What to do about a tool's finding; may be empty."""
    return _told(name).advice


def told_at_length() -> frozenset[str]:
    """The names of the causes that a tool's report can have."""
    return frozenset(name for name, cause in _read(GENERAL, False).items() if cause.meaning)


def _told(name: str) -> Cause:
    found = find(name)
    return found if found and found.meaning else _read(GENERAL, russian())[OTHER]


def _of(lab: Lab) -> Path:
    return lab.checks / "causes.toml"


@functools.lru_cache(maxsize=None)
def _read(path: Path, in_russian: bool) -> Mapping[str, Cause]:
    """The causes of a file, in one language; none where the lab has no such file."""
    if not path.exists():
        return {}
    return {name: _cause(name, entry, in_russian) for name, entry in toml(path).items()}


def _text(path: Path) -> str:
    """A table as it is written; empty where the lab has none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _cause(name: str, entry: Mapping[str, Any], in_russian: bool) -> Cause:
    language = "ru" if in_russian else "en"
    texts = ("title", "text", "meaning", "advice")
    said = {key: " ".join(entry[key][language].split()) for key in texts if key in entry}
    commands = entry.get("by_hand", ())
    by_hand = (c if isinstance(c, str) else c[language] for c in commands)
    return Cause(name, **said, by_hand=tuple(by_hand))


faults.known_cause = known
