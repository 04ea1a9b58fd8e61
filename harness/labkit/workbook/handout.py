"""A handout or a chapter, taken apart into sections, fenced blocks, tables and code words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from labkit.ground.catalog import LABS, Lab, all_labs

NAMES = {"en": "README.md", "ru": "README.ru.md"}
STEP = {"en": "Step {n}. {title} ({points} points)", "ru": "Шаг {n}. {title} ({points} баллов)"}
FAILURES = {"en": "Where students fail", "ru": "Где ошибаются"}


@dataclass(frozen=True)
class Block:
    """A fenced block. kind: the word behind the fence. mark: the comment before it."""

    kind: str
    mark: str
    text: str


@dataclass
class Section:
    """A heading and what stands below it. tables: their lines. items: how many list items."""

    level: int
    heading: str
    blocks: list[Block] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    items: int = 0
    prose: str = ""

    def outline(self) -> tuple[int, list[str], int, int]:
        """What both languages must have alike."""
        return self.level, [b.kind for b in self.blocks], len(self.tables), self.items

    def spans(self) -> set[str]:
        """The words in `code`, a line end taken for a space."""
        words = re.findall(r"`([^`]+)`", self.prose + "\n".join(self.tables))
        return {re.sub(r"\s+", " ", word) for word in words}


@dataclass(frozen=True)
class Handout:
    """One lab's handout in one language."""

    lab: Lab
    language: str

    @property
    def path(self) -> Path:
        return LABS / self.lab.name / NAMES[self.language]

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def sections(self) -> list[Section]:
        """In order; the first is the title."""
        return list(parted(iter(self.text.splitlines())))

    @property
    def blocks(self) -> list[Block]:
        return [block for section in self.sections for block in section.blocks]

    def headings(self, start: str = "") -> list[str]:
        """The headings that begin with `start`."""
        return [s.heading for s in self.sections if s.heading.startswith(start)]

    def anchors(self) -> set[str]:
        """What a link to a heading may say, as GitHub makes it."""
        words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in self.headings())
        return {word.replace(" ", "-") for word in words}

    def section(self, start: str) -> Section:
        """The one section whose heading begins so."""
        (found,) = [s for s in self.sections if s.heading.startswith(start)]
        return found

    def step(self, number: int) -> Section:
        """The section of a step."""
        return self.section(STEP[self.language].partition("{")[0] + f"{number}. ")


def parted(lines: Iterator[str]) -> Iterator[Section]:
    """The sections of a text, which begins with its title."""
    section, mark = Section(0, ""), ""
    for line in lines:
        if heading := re.match(r"(#+) (.*)", line):
            if section.level:
                yield section
            section = Section(len(heading[1]), heading[2])
        elif comment := re.match(r"<!-- (.*) -->", line):
            mark = comment[1]
        elif line.startswith("```"):
            body = "".join(f"{inner}\n" for inner in takewhile(lambda inner: inner != "```", lines))
            section.blocks.append(Block(line[3:], mark, body))
            mark = ""
        elif line.startswith("|"):
            section.tables.append(line)
        else:
            section.items += bool(re.match(r"- |\d+\. ", line))
            section.prose += line + "\n"
    yield section


def handouts(*languages: str) -> list[Handout]:
    """Every lab's handout in these languages, in all where none is given."""
    return [Handout(lab, language) for lab in all_labs() for language in languages or NAMES]
