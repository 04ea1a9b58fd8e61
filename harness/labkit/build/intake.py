"""Which files of a person's directory are a lab's sources; what is wrong where some are missing or unfit.

Taken are the `*.c` and `*.h` of the lab's directory, and headers in directories below it; regular files only, no
link is followed below the work directory, and hidden files (`._echo_server.c`, an editor's lock) are nobody's
source. Where a program's file is missing, what looks like it is named.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit.ground.catalog import Lab
from labkit.ground.faults import DidNotCompile, Fault
from labkit.ground.words import _

MOST_FILES, MOST_BYTES = 200, 4 << 20
MOST_DEPTH = 4  # of the directories in which headers are looked for
MOST_ENTRIES = 50_000  # that are looked at in one directory and all below it
# How a text in these begins; and a C file in one of them that has no such mark has a zero in every character.
_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_COPY = re.compile(r"(?: ?\(\d+\)| - (?:copy|Copy|копия)|-\d+|_\d+| copy)+$")


@dataclass(frozen=True)
class Sources:
    """A staged copy of a lab directory's C files, by their paths in it. digest: of their names and contents."""

    directory: Path
    files: tuple[str, ...]
    digest: str

    def units(self, lab: Lab, program: str) -> list[str]:
        """The .c files linked into a program, its own first."""
        shared = [
            name for name in self.files if name.endswith(".c") and name[:-2] not in lab.programs
        ]
        return [f"{program}.c", *shared]


def stage(lab: Lab, work: Path, into: Path) -> Sources:
    """Copy the C files of `work`'s directory for the lab to `into`, which is made.

    Raises Fault where the directory or a program's source is missing, or a file cannot be compiled.
    """
    origin = _lab_directory(lab, work)
    into.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    names: list[str] = []
    total = 0
    for path in _sources(origin):
        name = str(path.relative_to(origin))
        data = _content(path, name)
        total += len(data)
        if len(names) >= MOST_FILES or total > MOST_BYTES:
            raise _no_program(_("{dir} holds too much source").format(dir=lab.name))
        _must_be_text(name, data)
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_bytes(data)
        digest.update(os.fsencode(f"{name}\0{len(data)}\0") + data)
        names.append(name)
    for program in lab.programs:
        if f"{program}.c" not in names:
            raise _no_program(_what_is_there(origin / f"{program}.c"))
    return Sources(into, tuple(names), digest.hexdigest())


def _lab_directory(lab: Lab, work: Path) -> Path:
    origin = work / lab.name
    if origin.is_symlink():  # it may lead to somebody else's work, or to the solutions
        raise _no_program(
            _("{name} in {work} is a symbolic link: the directory itself must be there").format(
                name=lab.name, work=work
            )
        )
    if not origin.is_dir():
        what = _("there is no directory {name} in {work}").format(name=lab.name, work=work)
        near = _near_directory(lab, work)
        raise _no_program(f"{what}; {near}" if near else what)
    return origin


def _near_directory(lab: Lab, work: Path) -> str:
    """What in the work directory may be meant by a lab's directory; empty where nothing is."""
    program = f"{lab.programs[0]}.c"
    entries = list(_listed(work))
    if any(entry.name == program and entry.is_file(follow_symlinks=False) for entry in entries):
        words = _("{file} lies in {work} itself: put it into a directory {name}")
        return words.format(file=program, work=work, name=lab.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and (Path(entry) / program).is_file():
            digits = re.findall(r"\d+", entry.name)
            if not digits or int(digits[0][:9]) == int(lab.number):
                words = _("there is a directory {near}: rename it to {name}")
                return words.format(near=entry.name, name=lab.name)
    return ""


# -- which files -----------------------------------------------------------------------------------------


def _listed(directory: Path) -> Iterator[os.DirEntry[str]]:
    """What is in a directory, by name, without hidden files; nothing where it cannot be read."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    yield from (entry for entry in entries[:MOST_ENTRIES] if not entry.name.startswith("."))


def _files(directory: Path) -> Iterator[tuple[int, Path]]:
    """The files of a directory, then those of the ones below it, each with its depth; at most MOST_ENTRIES are seen."""
    left, seen = deque([(0, directory)]), 0
    while left and seen < MOST_ENTRIES:
        depth, place = left.popleft()
        for entry in _listed(place):
            seen += 1
            if entry.is_file(follow_symlinks=False):
                yield depth, Path(entry)
            elif depth < MOST_DEPTH and entry.is_dir(follow_symlinks=False):
                left.append((depth + 1, Path(entry)))


def _sources(directory: Path) -> Iterator[Path]:
    """The C files of the lab's directory, then the headers of those below it."""
    for depth, path in _files(directory):
        if path.name.endswith(".h" if depth else (".c", ".h")):
            yield path


def _content(path: Path, name: str) -> bytes:
    """A source file's content, at most a little more than is allowed. Fault where the compiler must not get it."""
    if path.name.startswith(("-", "@")):
        raise _no_program(
            _("{file}: the compiler would not take this name for a file's").format(file=name)
        )
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError as error:
        raise _no_program(
            _("{file} cannot be read: {why}").format(file=name, why=error.strerror)
        ) from None
    with os.fdopen(fd, "rb") as file:
        return file.read(MOST_BYTES + 1) if stat.S_ISREG(os.fstat(fd).st_mode) else b""


def _must_be_text(name: str, data: bytes) -> None:
    """Fault for a text in an encoding of two or four bytes a character, as some editors save it."""
    mark = next((mark for mark in _MARKS if data.startswith(mark)), None)
    start = data[:512]
    # Latin letters have a zero in each pair of bytes, always on the same side.
    halves = len(start) >= 8 and any(start) and not (any(start[0::2]) and any(start[1::2]))
    if mark or halves:
        encoding = _MARKS[mark] if mark else "UTF-16"
        words = _("{file} is saved as {encoding}, which no compiler reads: save it as UTF-8")
        raise DidNotCompile(
            words.format(file=name, encoding=encoding),
            cause="does-not-compile",
        )


# -- what is there instead -------------------------------------------------------------------------------


def _no_program(what: str) -> Fault:
    return Fault(what, cause="no-program")


def _what_is_there(path: Path) -> str:
    """Why a program's source was not taken, and what looks like it."""
    what = _("there is no {file} in {dir}")
    near = ""
    if path.is_symlink():
        what = _("{file} in {dir} is a symbolic link: the file itself must be there")
    elif path.exists():
        what = _("{file} in {dir} is not a regular file")
    else:
        near = _near_file(path)
    words = what.format(file=path.name, dir=path.parent.name)
    return f"{words}; {near}" if near else words


def _near_file(path: Path) -> str:
    """What looks like a missing file: the same name elsewhere, or another name in its place; or nothing."""
    below = (found for depth, found in _files(path.parent) if depth and found.name == path.name)
    deeper = next(below, None)
    if deeper:
        words = _("there is {near}: the file must lie in {dir} itself")
        return words.format(near=deeper.relative_to(path.parent), dir=path.parent.name)
    names = [e.name for e in _listed(path.parent) if e.is_file(follow_symlinks=False)]
    near = _like(path.name, names)
    if not near:
        return ""
    return _("there is {near}: rename it to {file}").format(near=near, file=path.name)


def _like(wanted: str, names: list[str]) -> str:
    """Which of some file names is meant for the wanted one: another case, a copy's number, another ending."""

    def bare(name: str) -> str:
        stem = re.split(r"\.(?:c|cc|cpp|cxx|txt|C)\b", name, maxsplit=1)[0]
        return re.sub(r"[\W_]+", "_", _COPY.sub("", stem).lower())

    alike = {
        name: bare(name) for name in names if re.search(r"\.(?:c|cc|cpp|cxx|txt)\b", name, re.I)
    }
    for name, stem in alike.items():
        if stem == bare(wanted):
            return name
    close = difflib.get_close_matches(bare(wanted), alike.values(), 1, 0.8)
    for name, stem in alike.items():
        if stem in close:
            return name
    return next((name for name, stem in alike.items() if stem in ("main", "server", "client")), "")
