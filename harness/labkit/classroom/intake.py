"""From a directory of submissions to the sources that are graded: of each student's attempts, lab by lab, one."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from labkit.classroom import finding, platforms, roster
from labkit.classroom.platforms import Label
from labkit.classroom.reading import Reading
from labkit.classroom.roster import Person
from labkit.ground.catalog import Lab
from labkit.ground.words import _

METADATA = "submission_metadata.yml"
MOST_METADATA = 16 << 20


@dataclass
class Attempt:
    """What a student handed in at one time. sources: files or directories, each with its path in the submission."""

    label: Label
    sources: list[tuple[Path, tuple[str, ...]]]

    @property
    def turn(self) -> tuple[datetime, int]:
        """A later attempt has a greater one; one whose time is not known comes before all others."""
        return self.label.when or datetime.min, self.label.number

    def is_late(self, deadline: datetime | None) -> bool:
        """Whether it came after the deadline, or the platform says so."""
        after = bool(deadline and self.label.when and self.label.when > deadline)
        return after or self.label.late


@dataclass
class Taken:
    """A lab of a student's, as it will be graded.

    refused: why it is not, else empty. doubt: why another attempt may hold a better one, else empty.
    digest: of the names and contents of the files, also when these were let go of.
    """

    files: finding.Sources = field(default_factory=dict)
    late: bool = False
    refused: str = ""
    doubt: str = ""
    digest: str = ""

    def __post_init__(self) -> None:
        digest = hashlib.sha256()
        for parts, data in sorted(self.files.items()):
            digest.update(os.fsencode("/".join(parts)) + f"\0{len(data)}\0".encode() + data)
        self.digest = digest.hexdigest()


@dataclass
class Student:
    """A student, and what was taken of theirs. home: the name of their directories. known: stands in the roster."""

    home: str
    person: Person
    attempts: list[Attempt] = field(default_factory=list)
    labs: dict[str, Taken] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    known: bool = True


def students(submissions: Path, people: Sequence[Person]) -> list[Student]:
    """All students, with their attempts, none of which is read yet; also who is in the roster and handed in nothing."""
    found: dict[str, Student] = {}
    for attempt in _attempts(submissions):
        one = attempt.label
        person = roster.match(people, (one.student, one.email, one.name))
        name = (person.id or person.email or person.name) if person else one.student
        home = platforms.directory_name(name)
        who = person or Person(one.student, one.name, one.email)
        student = found.setdefault(home, Student(home, who, known=bool(person) or not people))
        student.attempts.append(attempt)
    for person in people:
        home = platforms.directory_name(person.id or person.email or person.name)
        found.setdefault(home, Student(home, person))
    return sorted(found.values(), key=lambda student: student.home)


def _attempts(submissions: Path) -> list[Attempt]:
    """The attempts that a directory holds; files of one attempt are put together."""
    metadata = submissions / METADATA
    known = {}
    if metadata.is_file() and not metadata.is_symlink():
        with metadata.open("rb") as file:
            known = platforms.gradescope(file.read(MOST_METADATA).decode("utf-8", "replace"))
    found: dict[Label, Attempt] = {}
    for path in sorted(submissions.iterdir()):
        if path.name.startswith(".") or path.name == METADATA or path.name == "__MACOSX":
            continue
        is_file = not path.is_dir()
        read = platforms.label(path.name, is_file, submissions.resolve().name)
        for one in known.get(path.name) or [read]:
            whole = Label(one.student, one.name, one.email, one.when, one.number, one.late)
            attempt = found.setdefault(whole, Attempt(whole, []))
            attempt.sources.append((path, one.inside))
    return list(found.values())


def take(student: Student, labs: Sequence[Lab], deadline: datetime | None, alone: bool) -> None:
    """Read a student's attempts and take each lab from the last one in time that has it, else from the last late one.

    alone: all of it is of one lab. A lab that is refused is looked for in no other attempt: the student must hear of
    it. Where an attempt cannot be read and no name tells of which labs it is, earlier ones are taken, with a doubt;
    labs that no other attempt has are refused.
    """
    doubt = ""
    in_time = [attempt for attempt in student.attempts if not attempt.is_late(deadline)]
    late = [attempt for attempt in student.attempts if attempt.is_late(deadline)]
    for attempts in (in_time, late):
        for attempt in sorted(attempts, key=lambda attempt: attempt.turn, reverse=True):
            if any(lab.name not in student.labs for lab in labs):
                doubt = _take(student, attempt, labs, alone, attempts is late, doubt)
    for lab in labs if doubt else ():
        student.labs.setdefault(lab.name, Taken(refused=doubt))
    if student.attempts and not student.labs:
        student.notes.append(_("no lab's sources were found in the submission"))


def _take(
    student: Student,
    attempt: Attempt,
    labs: Sequence[Lab],
    alone: bool,
    is_late: bool,
    doubt: str,
) -> str:
    """Take what an attempt has of the labs that are not there yet.

    doubt: what a later attempt has that could not be read, else empty; returns the same for the next one.
    """
    reading = Reading()
    for path, inside in attempt.sources:
        reading.take(path, inside)
    student.notes += reading.notes
    for one in reading.unread:
        words = _("a part of the submission was not taken: {why}").format(why=one.why)
        student.notes.append(words)
    found = finding.find(reading, labs, alone)
    for name, lab in found.labs.items():
        student.labs.setdefault(name, Taken(lab.files, is_late, lab.refused, doubt))
    return doubt or "; ".join(found.doubts)


def write(taken: Taken, directory: Path) -> None:
    """Write a lab's sources into a new directory, in place of an earlier one."""
    shutil.rmtree(directory, ignore_errors=True)
    for parts, data in taken.files.items():
        path = directory.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
