"""Which of a submission's C files belong to which lab, wherever the lab directories lie in it."""

from __future__ import annotations

from collections.abc import Iterable

from labkit.classroom.reading import Parts, Reading, Refused
from labkit.ground.catalog import Lab
from labkit.ground.words import _

MOST_FILES, MOST_BYTES = 200, 4 << 20  # of one lab

Sources = dict[Parts, bytes]


def sources(reading: Reading, labs: Iterable[Lab], alone: bool) -> dict[str, Sources]:
    """The files of each lab that is there, by their paths in its directory; raises Refused.

    alone: the submission is of one lab, the first of these, which then needs no directory of its own.
    """
    found = {}
    for lab in labs:
        home = _home(reading.files, lab)
        if home is None and (alone or _is_only(lab, labs)):
            home = _with_program(reading.files, lab)
        if home is not None:
            found[lab.name] = _of(reading.files, home, lab)
    return found


def _home(files: Sources, lab: Lab) -> Parts | None:
    """The directory with the lab's name, the outermost if there are several; None if there is none."""
    homes = {
        parts[: i + 1]
        for parts in files
        for i, part in enumerate(parts[:-1])
        if part.lower() == lab.name
    }
    return _outermost(homes)


def _with_program(files: Sources, lab: Lab) -> Parts | None:
    """The outermost directory in which one of the lab's programs lies."""
    names = [f"{program}.c" for program in lab.programs]
    homes = {parts[:-1] for parts in files if parts[-1] in names}
    return _outermost(homes)


def _outermost(homes: set[Parts]) -> Parts | None:
    """The shortest of some paths, of several the first; None if there is none."""
    return min(homes, key=lambda parts: (len(parts), parts)) if homes else None


def _is_only(lab: Lab, labs: Iterable[Lab]) -> bool:
    """Whether no other lab has a program with the name of one of this lab's."""
    others = {program for other in labs if other != lab for program in other.programs}
    return not others.intersection(lab.programs)


def _of(files: Sources, home: Parts, lab: Lab) -> Sources:
    """The files in the lab's directory and below it; Refused if they are more than a lab may have."""
    own = {p[len(home) :]: data for p, data in files.items() if p[: len(home)] == home}
    if len(own) > MOST_FILES or sum(map(len, own.values())) > MOST_BYTES:
        words = _("{lab} holds more than {n} C files or more than {m} MiB")
        raise Refused(words.format(lab=lab.name, n=MOST_FILES, m=MOST_BYTES >> 20))
    if any(parts[:i] in own for parts in own for i in range(1, len(parts))):
        raise Refused(_("in {lab} a name is both a file's and a directory's").format(lab=lab.name))
    return own
