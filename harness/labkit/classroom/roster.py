"""The names of a class: a CSV with a heading line of id, name, email and section, in any order."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.ground.words import _

COLUMNS = ("id", "name", "email", "section")


class WrongRoster(Exception):
    """The roster cannot be used, with the sentence that says why."""


@dataclass(frozen=True)
class Person:
    """A line of the roster; what it does not say is empty. id: whatever the course calls a student by."""

    id: str = ""
    name: str = ""
    email: str = ""
    section: str = ""

    @property
    def keys(self) -> set[str]:
        """What a submission may call this person: also the e-mail's first part, the name's words in any turn."""
        words = self.name.split()
        turned = ["".join(words[i:] + words[:i]) for i in range(len(words))]
        said = [self.id, self.name, self.email, self.email.partition("@")[0], *turned]
        return {key(text) for text in said if key(text)}


def key(text: str) -> str:
    """A name without what a platform changes in it: case, spaces, hyphens, commas."""
    return re.sub(r"[^\w@.+]|_", "", text.casefold())


def read(path: Path) -> list[Person]:
    """The persons of a roster; raises WrongRoster."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise WrongRoster(_("the roster cannot be read: {why}").format(why=error)) from error
    first = text.partition("\n")[0]
    lines = csv.reader(
        io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ","
    )
    heading = [cell.strip().casefold() for cell in next(lines, [])]
    if not {"id", "name", "email"}.intersection(heading):
        words = _("the roster's first line must name its columns, of these: {columns}")
        raise WrongRoster(words.format(columns=", ".join(COLUMNS)))
    rows = [dict(zip(heading, (cell.strip() for cell in line))) for line in lines if any(line)]
    return [Person(*(row.get(column, "") for column in COLUMNS)) for row in rows]


def match(people: Sequence[Person], said: Sequence[str]) -> Person | None:
    """The one person whom one of these words names, the first that names exactly one; None if none does."""
    for text in said:
        named = [person for person in people if key(text) and key(text) in person.keys]
        if len(named) == 1:
            return named[0]
    return None
