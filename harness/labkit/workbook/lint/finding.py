"""What is missing in a lab, or unknown there: one sentence about one file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.ground.catalog import ROOT, toml
from labkit.ground.words import _


@dataclass(frozen=True)
class Finding:
    """path: the file that has to be mended, or written; words: the sentence about it."""

    path: Path
    words: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}: {self.words}"


Findings = Iterator[Finding]


def missing(path: Path) -> Finding:
    """A file is not there."""
    return Finding(path, _("this file is missing"))


def read(path: Path) -> dict[str, Any] | Finding:
    """What a TOML file holds, or what is wrong with the file."""
    if not path.is_file():
        return missing(path)
    try:
        return toml(path)
    except ValueError as error:
        return Finding(path, _("this is no TOML: {error}").format(error=error))


def keys(path: Path, where: str, table: dict[str, Any], needs: set[str], may: set[str]) -> Findings:
    """The keys that a table lacks, and those that nobody knows. where: the table's name, for the sentence."""
    for key in sorted(needs - set(table)):
        yield Finding(path, _("{where} lacks the key `{key}`").format(where=where, key=key))
    for key in sorted(set(table) - needs - may):
        words = _("{where} has a key that nobody knows: `{key}`")
        yield Finding(path, words.format(where=where, key=key))
