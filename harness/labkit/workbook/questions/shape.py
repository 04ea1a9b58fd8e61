"""What a control question is, once it has been read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from labkit.ground import words

KINDS = ("choice", "several", "order", "number", "text", "gap", "output", "bug")
GAP = "/* GAP */"


@dataclass(frozen=True)
class Words:
    """The same said in both languages, in light markdown."""

    en: str
    ru: str

    @property
    def said(self) -> str:
        """In the reader's language."""
        return self.ru if words.russian() else self.en

    def of(self, language: str) -> str:
        """In a language, "en" or "ru"."""
        return self.ru if language == "ru" else self.en


@dataclass(frozen=True)
class Option:
    """An option of a choice, with why it is right, or why it tempts and is wrong."""

    words: Words
    why: Words
    right: bool


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that tempts, with its refutation.

    answer: a number as text, a regular expression (text), code (gap), a whole output, or a line (bug).
    """

    answer: str
    why: Words


@dataclass(frozen=True)
class Question:
    """A control question.

    lab: its number, "02". chapter: FILE.md#ANCHOR where the workbook explains it. experiment: the name of the
    one that shows that the right answer is right. home: the directory of the workbook.
    why: the refutation of wrong answers that have none of their own (not for choices).
    options: of choice and several. items: of order, in the right order. value, tolerance: of number.
    accept: patterns (text), or code of which the first is the model (gap). program: a file of
    questions/programs (gap, bug), or an experiment's name (output). arguments: of the run (output).
    prints: what the completed program prints (gap). lines: the wrong line, or several of which each will do (bug).
    """

    id: str
    kind: str
    lab: str
    topic: str
    chapter: str
    experiment: str
    ask: Words
    model: Words
    home: Path
    course: int | None = None
    why: Words | None = None
    options: tuple[Option, ...] = ()
    items: tuple[Words, ...] = ()
    value: float = 0.0
    tolerance: float = 0.0
    accept: tuple[str, ...] = ()
    program: str = ""
    arguments: tuple[str, ...] = ()
    prints: str = ""
    lines: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()

    @property
    def experiments(self) -> Path:
        """The directory of the experiments that it names."""
        return self.home / "experiments"

    def heading(self, language: str) -> str:
        """The heading of the chapter that explains it, in a language."""
        file, _sharp, anchor = self.chapter.partition("#")
        text = (self.home / language / file).read_text(encoding="utf-8")
        match = re.search(heading_pattern(anchor), text, re.MULTILINE)
        return match[1] if match else anchor

    def program_text(self) -> str:
        """The source of its program (gap, bug)."""
        return (self.home / "questions" / "programs" / self.program).read_text(encoding="utf-8")

    def numbers(self) -> list[int]:
        """The numbers of its wrong lines, from 1 (bug)."""
        return [number for line in self.lines for number in line_numbers(self.program_text(), line)]


def heading_pattern(anchor: str) -> str:
    """A pattern for the heading, of any level, that has this id."""
    return rf"^#+ (.*?) *\{{:? *#{re.escape(anchor)}[ }}]"


def without_head(source: str) -> str:
    """A program without its head comment, which tells what it shows."""
    comment = r"""\A\s*(?:/\*.*?\*/|(?:^//[^\n]*\n)+|(?:^#[^\n]*\n)*\"{3}.*?\"{3})\s*"""
    return re.sub(comment, "", source, count=1, flags=re.DOTALL | re.MULTILINE)


def line_numbers(text: str, line: str) -> list[int]:
    """Where a line stands in a text, from 1; blanks at its ends don't count."""
    return [n for n, there in enumerate(text.splitlines(), 1) if there.strip() == line.strip()]
