"""Reads the control questions from docs/questions/*.toml, strictly: what is odd there is Trouble, with file and question."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from labkit.ground.catalog import ROOT
from labkit.ground.faults import Trouble
from labkit.ground.words import _
from labkit.workbook import experiments
from labkit.workbook.questions.shape import (
    GAP,
    heading_pattern,
    KINDS,
    line_numbers,
    Option,
    Question,
    Words,
    Wrong,
)

if sys.version_info >= (3, 11):
    import tomllib
else:  # Ubuntu 22.04
    import tomli as tomllib

DOCS = ROOT / "docs"
LANGUAGES = ("en", "ru")
TOPICS = "topics.toml"
COMMON = {"id", "kind", "topic", "chapter", "experiment", "ask", "model"}
# What each kind has besides: the keys that it must have, and those that it may have.
NEEDS = {
    "choice": {"option"},
    "several": {"option"},
    "order": {"item", "why"},
    "number": {"value", "why"},
    "text": {"accept", "why"},
    "gap": {"program", "prints", "accept", "why"},
    "output": {"program", "why"},
    "bug": {"program", "why"},
}
MAY = {
    "number": {"tolerance", "wrong"},
    "text": {"wrong"},
    "gap": {"wrong"},
    "output": {"arguments", "wrong"},
    "bug": {"line", "lines", "wrong"},
}
# By which name a tempting wrong answer is given.
WRONG_KEY = {
    "number": "value",
    "text": "match",
    "gap": "code",
    "output": "output",
    "bug": "line",
}
OPTIONS = range(3, 6)
# What the regular expressions of Python have and JavaScript's have not.
ONLY_PYTHON = re.compile(r"\(\?P|\(\?[aiLmsux-]+[):]|\\[AZ]|\(\?#")


def load(docs: Path | None = None) -> list[Question]:
    """The questions of all labs, in the order of the files. Trouble names the file and the question."""
    home = docs or DOCS
    known = topics(home)
    found: list[Question] = []
    for path in sorted((home / "questions").glob("[0-9]*.toml")):
        tables = _toml(path).get("question")
        if not isinstance(tables, list) or not re.fullmatch(r"\d\d-[a-z0-9-]+", path.stem):
            raise Trouble(_("{file}: no questions, or not named NN-name.toml").format(file=path))
        for table in tables:
            question = _Reader(path, table, home).question()
            if question.topic not in known:
                _refuse(
                    path, question.id, _("there is no topic {name}").format(name=question.topic)
                )
            if question.id in {other.id for other in found}:
                _refuse(path, question.id, _("another question has this id"))
            found.append(question)
    return found


def topics(docs: Path | None = None) -> dict[str, Words]:
    """The topics, in the order of their file: id -> name."""
    path = (docs or DOCS) / "questions" / TOPICS
    return {
        name: _Reader(path, {"id": name, "topic": words}, path.parent).words("topic")
        for name, words in _toml(path).items()
    }


def _toml(path: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Trouble(f"{path}: {error}") from error
    return table


def _refuse(path: Path, name: str, why: str) -> NoReturn:
    raise Trouble(f"{path}: {name}: {why}")


class _Reader:
    """One question as it stands in its file."""

    def __init__(self, path: Path, table: Any, home: Path) -> None:
        self._path, self._home = path, home
        self._table: dict[str, Any] = table if isinstance(table, dict) else {}
        self._name = str(self._table.get("id", "?"))

    def question(self) -> Question:
        """The question, checked. Trouble where something is odd."""
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self._name):
            self._odd(_("its id must be lower-case words joined by hyphens"))
        kind = self._table.get("kind")
        if kind not in KINDS:
            self._odd(_("there is no kind {kind}").format(kind=kind))
        self._keys(self._table, COMMON | NEEDS[kind], {"course"} | MAY.get(kind, set()))
        read = Question(
            id=self._name,
            kind=kind,
            lab=self._path.stem[:2],
            topic=self._text(self._table, "topic"),
            chapter=self._chapter(self._text(self._table, "chapter")),
            experiment=self._experiment(self._text(self._table, "experiment")),
            ask=self.words("ask"),
            model=self.words("model"),
            home=self._home,
            course=self._course(),
            why=self.words("why") if "why" in self._table else None,
            wrong=tuple(self._wrongs(kind)),
        )
        return self._of_kind(read)

    def _of_kind(self, read: Question) -> Question:
        """The question with what only its kind has."""
        table = self._table
        if read.kind in ("choice", "several"):
            return replace(read, options=self._options(read.kind))
        if read.kind == "order":
            items = tuple(self.words(item) for item in self._tables("item", ()))
            if len(items) < 3 or len(set(items)) < len(items):
                self._odd(_("there must be three items or more, none of them twice"))
            return replace(read, items=items)
        if read.kind == "number":
            value, tolerance = self._number("value"), self._number("tolerance")
            return replace(read, value=value, tolerance=tolerance)
        if read.kind == "text":
            return replace(read, accept=tuple(map(self._pattern, self._strings("accept"))))
        program = self._text(table, "program")
        if read.kind == "output":
            arguments = self._strings("arguments") if "arguments" in table else ()
            return replace(read, program=self._experiment(program), arguments=arguments)
        return self._of_program(replace(read, program=program))

    def _of_program(self, read: Question) -> Question:
        """A question about a program of its own: gap, bug."""
        try:
            text = read.program_text()
        except OSError:
            self._odd(_("there is no program {name}").format(name=read.program))
        if read.kind == "gap":
            if text.count(GAP) != 1 or len(line_numbers(text, GAP)) != 1:
                self._odd(_("its program must have one line that is {gap}").format(gap=GAP))
            prints = self._text(self._table, "prints")
            return replace(read, accept=self._strings("accept"), prints=prints)
        if ("line" in self._table) == ("lines" in self._table):
            self._odd(_("it must have either `line` or `lines`"))
        one = "line" in self._table
        lines = (self._text(self._table, "line"),) if one else self._strings("lines")
        for line in [*lines, *(wrong.answer for wrong in read.wrong)]:
            if len(line_numbers(text, line)) != 1:
                words = _("this line must stand in its program once: {line}")
                self._odd(words.format(line=line.strip()))
        return replace(read, lines=lines)

    # -- parts -------------------------------------------------------------------------------

    def _options(self, kind: str) -> tuple[Option, ...]:
        found = []
        for table in self._tables("option", ("right", "why")):
            right = table.get("right", False)
            if not isinstance(right, bool):
                self._odd(_("{key} must be true or false").format(key="right"))
            words = {key: value for key, value in table.items() if key in LANGUAGES}
            found.append(Option(self.words(words), self.words(table.get("why")), right))
        if len(found) not in OPTIONS:
            self._odd(_("there must be three to five options"))
        rights = sum(option.right for option in found)
        if not rights or (kind == "choice" and rights > 1):
            self._odd(_("no option is right") if not rights else _("more than one option is right"))
        return tuple(found)

    def _wrongs(self, kind: str) -> Iterator[Wrong]:
        if "wrong" not in self._table:
            return
        key = WRONG_KEY[kind]
        for table in self._tables("wrong", None):
            self._keys(table, {key, "why"}, set())
            answer = table[key]
            if kind == "number" and isinstance(answer, (int, float)):
                answer = repr(float(answer))
            if not isinstance(answer, str) or not answer.strip():
                self._odd(_("{key} of a wrong answer is empty or of a wrong type").format(key=key))
            if kind == "text":
                self._pattern(answer)
            yield Wrong(answer, self.words(table["why"]))

    def _course(self) -> int | None:
        course = self._table.get("course")
        if course is not None and course not in range(1, 7):
            self._odd(_("{key} must be a number from 1 to 6").format(key="course"))
        return course

    def _chapter(self, link: str) -> str:
        """A chapter's file and anchor, which must be there in both languages."""
        name, sharp, anchor = link.partition("#")
        for language in LANGUAGES:
            try:
                text = (self._home / language / name).read_text(encoding="utf-8")
            except OSError:
                self._odd(_("there is no chapter {file}").format(file=f"{language}/{name}"))
            if not sharp or not re.search(heading_pattern(anchor), text, re.MULTILINE):
                words = _("{file} has no heading {anchor}")
                self._odd(words.format(file=f"{language}/{name}", anchor=f"{{#{anchor}}}"))
        return link

    def _experiment(self, name: str) -> str:
        try:
            experiments.source(name, self._home / "experiments")
        except Trouble as trouble:
            self._odd(str(trouble))
        return name

    def _pattern(self, text: str) -> str:
        """A regular expression that Python and JavaScript understand alike."""
        try:
            re.compile(text)
        except re.error as error:
            self._odd(f"{text}: {error}")
        if ONLY_PYTHON.search(text):
            self._odd(_("JavaScript does not know this pattern: {text}").format(text=text))
        return text

    # -- values ------------------------------------------------------------------------------

    def words(self, of: Any) -> Words:
        """Words in both languages and no other: a table, or the name of one."""
        table = self._table.get(of) if isinstance(of, str) else of
        if not isinstance(table, dict) or set(table) != set(LANGUAGES):
            shown = of if isinstance(of, str) else table
            self._odd(_("this must be said in en and ru: {what}").format(what=shown))
        return Words(*(self._text(table, language).strip("\n") for language in LANGUAGES))

    def _tables(self, key: str, more: tuple[str, ...] | None) -> list[dict[str, Any]]:
        """A list of tables; more: their keys besides the languages, None where they are looked at elsewhere."""
        tables = self._table[key]
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            self._odd(_("{key} must be a list of tables").format(key=key))
        for table in tables if more is not None else ():
            self._keys(table, {*LANGUAGES, *(more or ())} - {"right"}, {"right"} & set(more or ()))
        return list(tables)

    def _keys(self, table: dict[str, Any], needs: set[str], may: set[str]) -> None:
        for key in sorted(needs - set(table)):
            self._odd(_("{key} is missing").format(key=key))
        for key in sorted(set(table) - needs - may):
            self._odd(_("{key} is not known here").format(key=key))

    def _text(self, table: dict[str, Any], key: str) -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            self._odd(_("{key} must be text").format(key=key))
        return value

    def _strings(self, key: str) -> tuple[str, ...]:
        value = self._table[key]
        if not isinstance(value, list) or not value or not all(isinstance(s, str) for s in value):
            self._odd(_("{key} must be a list of texts").format(key=key))
        return tuple(value)

    def _number(self, key: str) -> float:
        value = self._table.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            self._odd(_("{key} must be a number").format(key=key))
        return float(value)

    def _odd(self, why: str) -> NoReturn:
        _refuse(self._path, self._name, why)
