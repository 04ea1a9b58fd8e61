"""`harness/lab new`: a new lab's skeleton, a copy of the sample lab in harness/sample under the new lab's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from labkit.build import starters
from labkit.ground.catalog import HARNESS, LABS, ROOT, SOLUTIONS
from labkit.ground.files import replace_file
from labkit.ground.words import _

SAMPLE = HARNESS / "sample"
TREES = ("labs", "solutions", "docs", "harness")
ROWS = SAMPLE / "rows"
NAME = re.compile(r"\d\d-[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 24  # characters: the sample's lines have room for so many
ROW = re.compile(r"^\| \[\d\d [^]]+\]\(labs/.*\n", re.MULTILINE)


class Refused(Exception):
    """The skeleton cannot be made; why, in words to whoever asked for it."""


def make(name: str) -> list[Path]:
    """Write the skeleton of a lab that is called NN-name; returns the files that are new or have grown."""
    _may_be_made(name)
    written = []
    for path, text in _files(name):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode("utf-8"))
        written.append(path)
    for file, text in starters.starter(name).items():
        replace_file(LABS / name / file, text.encode("utf-8"))
        written.append(LABS / name / file)
    return [*written, *_rows(name)]


def reference(name: str) -> Iterator[tuple[Path, str]]:
    """The sample's programs as a lab of this name gets them: where they lie there, and their texts."""
    home = SOLUTIONS / name
    return ((path, text) for path, text in _files(name) if path.parent == home)


def _may_be_made(name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        words = _("a lab is called NN-name, in small letters, at most {most} in all: 07-relay")
        raise Refused(words.format(most=LONGEST))
    others = [path.name for path in LABS.glob(f"{name[:2]}-*")]
    if others:
        words = _("{other} has this number already")
        raise Refused(words.format(other=", ".join(others)))
    there = [str(path.relative_to(ROOT)) for path, _text in _files(name) if path.exists()]
    if there:
        words = _("these files are there already: {files}")
        raise Refused(words.format(files=", ".join(there)))


def _files(name: str) -> Iterator[tuple[Path, str]]:
    """Each file of the sample as the new lab's: where it goes, and its text."""
    for tree in TREES:
        for path in sorted((SAMPLE / tree).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                place = ROOT / _renamed(str(path.relative_to(SAMPLE)), name)
                yield place, _renamed(path.read_text(encoding="utf-8"), name)


def _renamed(text: str, name: str) -> str:
    """A text of the sample's, or a path, with the new lab's name in it."""
    number, word = name[:2], name[3:]
    text = text.replace("00-sample", name).replace("00_sample", name.replace("-", "_"))
    text = text.replace("sample", word.replace("-", "_"))
    text = text.replace("Sample", word.replace("-", " ").capitalize())
    return re.sub(r"\b00\b", number, text)


def _rows(name: str) -> Iterator[Path]:
    """Put the rows of the new lab into the files that all labs share: behind the last lab's row, else at the end."""
    for path in sorted(ROWS.rglob("*.*")):
        place, row = ROOT / path.relative_to(ROWS), _renamed(path.read_text("utf-8"), name)
        text = place.read_text("utf-8")
        ends = [found.end() for found in ROW.finditer(text)]
        end = ends[-1] if ends else len(text)
        replace_file(place, (text[:end] + row + text[end:]).encode("utf-8"))
        yield place
