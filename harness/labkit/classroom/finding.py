"""Which of a submission's C files belong to which lab, wherever the lab directories lie in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from labkit.classroom.reading import Parts, Reading, Unread
from labkit.ground.catalog import Lab, all_labs
from labkit.ground.words import _

MOST_FILES, MOST_BYTES = 200, 4 << 20  # of one lab

Sources = dict[Parts, bytes]


@dataclass
class Found:
    """A lab in a submission. files: by their paths in its directory. refused: why it is not taken, else empty."""

    files: Sources = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True)
class Finding:
    """What one submission has of the labs. doubts: sentences on what could not be read and may hold any other lab."""

    labs: dict[str, Found]
    doubts: list[str]


def find(reading: Reading, labs: Sequence[Lab], alone: bool) -> Finding:
    """The labs that are there; what could not be read concerns only the lab in whose directory it lies.

    alone: the submission is of one lab, the first of these, which then needs no directory of its own.
    """
    names = {lab.name for lab in all_labs()}
    paths = [*reading.files, *(unread.place for unread in reading.unread)]
    found: dict[str, Found] = {}
    doubtful = [unread for unread in reading.unread if unread.whole]
    for lab in labs:
        own = [path for path in paths if _named(path, names) in ("", lab.name)]
        home = _home(own, lab)
        if home is None and (alone or _is_only(lab, labs)):
            home = _with_program(own, lab)
        if home is not None:
            below = {path for path in own if path[: len(home)] == home}
            unread = [one for one in reading.unread if one.place in below]
            found[lab.name] = _of(reading.files, home, below, lab, unread)
            doubtful = [one for one in doubtful if one not in unread]
    return Finding(found, [one.why for one in doubtful if not _named(one.place, names)])


def _named(path: Parts, names: Iterable[str]) -> str:
    """The lab whose name a directory on the path has, the outermost of several; empty if there is none."""
    return next((part.lower() for part in path[:-1] if part.lower() in names), "")


def _home(paths: Iterable[Parts], lab: Lab) -> Parts | None:
    """The directory with the lab's name, the outermost if there are several; None if there is none."""
    homes = {
        parts[: i + 1]
        for parts in paths
        for i, part in enumerate(parts[:-1])
        if part.lower() == lab.name
    }
    return _outermost(homes)


def _with_program(paths: Iterable[Parts], lab: Lab) -> Parts | None:
    """The outermost directory in which one of the lab's programs lies."""
    names = [f"{program}.c" for program in lab.programs]
    homes = {parts[:-1] for parts in paths if parts[-1] in names}
    return _outermost(homes)


def _outermost(homes: set[Parts]) -> Parts | None:
    """The shortest of some paths, of several the first; None if there is none."""
    return min(homes, key=lambda parts: (len(parts), parts)) if homes else None


def _is_only(lab: Lab, labs: Iterable[Lab]) -> bool:
    """Whether no other lab has a program with the name of one of this lab's."""
    others = {program for other in labs if other != lab for program in other.programs}
    return not others.intersection(lab.programs)


def _of(
    files: Sources, home: Parts, below: set[Parts], lab: Lab, unread: Sequence[Unread]
) -> Found:
    """The files in the lab's directory and below it, none where it is refused."""
    if unread:
        return Found(refused=unread[0].why)
    own = {path[len(home) :]: files[path] for path in below}
    if len(own) > MOST_FILES or sum(map(len, own.values())) > MOST_BYTES:
        words = _("{lab} holds more than {n} C files or more than {m} MiB")
        return Found(refused=words.format(lab=lab.name, n=MOST_FILES, m=MOST_BYTES >> 20))
    if any(parts[:i] in own for parts in own for i in range(1, len(parts))):
        words = _("in {lab} a name is both a file's and a directory's")
        return Found(refused=words.format(lab=lab.name))
    return Found(own)
