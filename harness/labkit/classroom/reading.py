"""Takes the C files out of one submission: a directory, an archive, a git clone, or loose files.

Nothing is ever unpacked to the disk: members are read one by one into memory, within bounds, and written later under
names of ours. So no filter of tarfile's is needed, which some releases lack. Of a clone only the files beside .git
are read: no hook, no configuration, no object of a stranger's repository.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Union, cast

from labkit.ground import written
from labkit.ground.faults import Fault
from labkit.ground.words import _

MOST_ENTRIES = 20_000  # of a directory or an archive that are looked at
MOST_SOURCES, MOST_SOURCE_BYTES = 2_000, 32 << 20  # C files of a whole submission
MOST_FILE = 4 << 20  # bytes of one C file
MOST_ARCHIVE = 32 << 20  # bytes of an archive as it was handed in
MOST_UNPACKED = 128 << 20
MOST_RATIO, FROM_BYTES = 100, 16 << 20  # bytes out for a byte in, where so many bytes come out
MOST_DIRECTORY = 4 << 20  # bytes of a zip archive's list of members
MOST_NESTED, MOST_DEPTH = 10, 2  # archives in a submission; archives one inside the other
MOST_FOLDERS = 12
ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")
UNREAD = (".rar", ".7z", ".xz", ".bz2", ".zst")
BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RuntimeError,  # also RecursionError, NotImplementedError
    KeyError,
    IndexError,
)

Parts = tuple[str, ...]


class Refused(Exception):
    """A part of a submission that is not read any further, with the sentence that says why."""


@dataclass(frozen=True)
class Unread:
    """What could not be read. place: the path of a file in the submission; of an archive, that of one in it.

    why: the sentence that says so. whole: it is an archive or a directory, and may hold labs that nobody has seen.
    """

    place: Parts
    why: str
    whole: bool


Content = Union[bytes, None, Refused]


class Reading:
    """The C files of a submission. files: by their paths. notes: sentences on what was not taken, and harms nothing.

    unread: what was refused. Of an archive, or a directory, that was refused in its middle no file is here.
    """

    def __init__(self) -> None:
        self.files: dict[Parts, bytes] = {}
        self.notes: list[str] = []
        self.unread: list[Unread] = []
        self._bytes = 0
        self._archives = 0

    def take(self, path: Path, inside: Parts = ()) -> None:
        """Read a directory, or a file that has this path in the submission."""
        if path.is_symlink():
            self.notes.append(_("{name} is a link and was not taken").format(name=shown(path.name)))
        elif path.is_dir():
            with self._all_or_nothing((".",)):
                self._directory(path)
        else:
            with self._all_or_nothing(inside or (path.name,)):
                self._regular(path, inside or (path.name,))

    @contextmanager
    def _all_or_nothing(self, place: Parts) -> Iterator[None]:
        """What is refused inside leaves no file: half of a lab would get a wrong verdict."""
        files, unread, size = dict(self.files), list(self.unread), self._bytes
        try:
            yield
        except (Refused, OSError) as why:
            words = str(why) if isinstance(why, Refused) else shown(str(why))
            self.files, self._bytes = files, size
            self.unread = [*unread, Unread(place, words, whole=True)]

    def _directory(self, root: Path) -> None:
        left, seen = [(root, Parts())], 0
        while left:
            place, parts = left.pop(0)
            for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
                seen += 1
                if seen > MOST_ENTRIES:
                    raise Refused(_("it holds more than {n} files").format(n=MOST_ENTRIES))
                here = (*parts, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if _is_wanted(here) and len(here) < MOST_FOLDERS:
                        left.append((Path(entry), here))
                elif _is_interesting(here):
                    self._regular(Path(entry), here)

    def _regular(self, path: Path, parts: Parts) -> None:
        """A file on the disk, if it is a regular one."""
        most = MOST_ARCHIVE if _is_archive(parts[-1]) else MOST_FILE
        try:
            data = written.beginning(path, most + 1) if _is_interesting(parts) else b""
        except (Fault, OSError):
            self._not_taken(parts)
            return
        self._content(parts, data, 0)

    def _content(self, parts: Parts, data: bytes, depth: int) -> None:
        """A C file is kept, an archive is read, anything else is left."""
        name = parts[-1].lower()
        if name.endswith((".c", ".h")):
            self._keep(parts, data)
        elif _is_archive(name):
            with self._all_or_nothing(_inside(parts)):
                self._archive(parts, data, depth + 1)
        elif name.endswith(UNREAD):
            words = _("{name} is an archive of a kind that is not read: .zip and .tar.gz are")
            self.notes.append(words.format(name=shown(parts[-1])))

    def _keep(self, parts: Parts, data: bytes) -> None:
        if len(data) > MOST_FILE:
            words = _("{name} is larger than 4 MiB").format(name=shown("/".join(parts)))
            self.unread.append(Unread(parts, words, whole=False))
            return
        self._bytes += len(data)
        if len(self.files) >= MOST_SOURCES or self._bytes > MOST_SOURCE_BYTES:
            raise Refused(_("it holds too many C files, or too large ones"))
        self.files[parts] = data

    def _not_taken(self, parts: Parts) -> None:
        words = _("{name} is no regular file and was not taken")
        self.notes.append(words.format(name=shown("/".join(parts))))

    # -- archives ----------------------------------------------------------------------------------------

    def _archive(self, parts: Parts, data: bytes, depth: int) -> None:
        """An archive's members, at the place where it lies."""
        name = shown(parts[-1])
        self._archives += 1
        if depth > MOST_DEPTH or self._archives > MOST_NESTED:
            raise Refused(_("{name}: too many archives in one another").format(name=name))
        if len(data) > MOST_ARCHIVE:
            raise Refused(
                _("{name} is larger than {n} MiB").format(name=name, n=MOST_ARCHIVE >> 20)
            )
        members = _zip(data) if data.startswith(b"PK") else _tar(data)
        try:
            for member, content in members:
                place = _place(member)
                if place is None:
                    words = _("{name} leads out of its archive and was not taken")
                    self.notes.append(words.format(name=shown(member)))
                else:
                    self._member((*parts[:-1], *place), content, name, depth)
        except Refused as why:
            raise Refused(f"{name}: {why}") from None
        except BROKEN as error:
            words = _("{name} cannot be read as an archive: {why}")
            raise Refused(words.format(name=name, why=shown(str(error)))) from None

    def _member(self, parts: Parts, content: Content, archive: str, depth: int) -> None:
        """A member of an archive, at its path in the submission."""
        if isinstance(content, Refused):
            whole = _is_archive(parts[-1])
            words = f"{archive}: {shown(parts[-1])}: {content}"
            self.unread.append(Unread(_inside(parts) if whole else parts, words, whole))
        elif content is None:
            self._not_taken(parts)
        elif _is_interesting(parts):
            self._content(parts, content, depth)


def _zip(data: bytes) -> Iterator[tuple[str, Content]]:
    """The names and contents of a zip archive's C files and archives.

    None is the content of what is no file, Refused that of a member that cannot be read: others still can.
    """
    _must_have_a_short_list(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MOST_ENTRIES:
            raise Refused(_("it holds more than {n} files").format(n=MOST_ENTRIES))
        _must_be_no_bomb(sum(member.file_size for member in members), len(data))
        for member in members:
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.is_dir() or not _is_interesting(tuple(member.filename.split("/"))):
                continue
            if kind not in (0, stat.S_IFREG):
                yield member.filename, None
                continue
            try:
                yield member.filename, _of_zip(archive, member)
            except Refused as why:
                yield member.filename, why


def _of_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's content, as far as its size is allowed; raises Refused."""
    if member.flag_bits & 1:
        raise Refused(_("it is encrypted"))
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile bounds what comes out of these two only.
        raise Refused(_("it is compressed in an unusual way: use an ordinary .zip"))
    try:
        with archive.open(member) as file:
            return file.read(_most(member.filename) + 1)
    except BROKEN as error:
        raise Refused(_("it is damaged: {why}").format(why=shown(str(error)))) from None


def _must_have_a_short_list(data: bytes) -> None:
    """zipfile reads the whole list of members at once: its length stands at the end (APPNOTE.TXT, 4.3.16)."""
    end = data.rfind(b"PK\5\6", max(0, len(data) - (1 << 16) - 22))
    if end < 0 or len(data) < end + 22:
        raise Refused(_("its end is missing: was it handed in whole?"))
    size = int.from_bytes(data[end + 12 : end + 16], "little")
    if size > MOST_DIRECTORY or data[max(0, end - 20) : end].startswith(b"PK\6\7"):
        raise Refused(_("it holds more than {n} files").format(n=MOST_ENTRIES))


def _must_be_no_bomb(unpacked: int, packed: int) -> None:
    if unpacked > MOST_UNPACKED:
        raise Refused(_("unpacked it has more than {n} MiB").format(n=MOST_UNPACKED >> 20))
    if unpacked > FROM_BYTES and unpacked > MOST_RATIO * max(1, packed):
        raise Refused(_("unpacked it is more than {n} times as large").format(n=MOST_RATIO))


class _Bounded(io.RawIOBase):
    """A stream that is refused where it turns out to be a bomb."""

    def __init__(self, source: IO[bytes], packed: int) -> None:
        self._source, self._packed, self._count = source, packed, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes, or 64 KiB; raises Refused."""
        data = self._source.read(size if size >= 0 else 1 << 16)
        self._count += len(data)
        _must_be_no_bomb(self._count, self._packed)
        return data


def _tar(data: bytes) -> Iterator[tuple[str, Content]]:
    """The same of a tar archive, compressed by gzip or not."""
    source: IO[bytes] = io.BytesIO(data)
    if data.startswith(b"\x1f\x8b"):
        source = cast(IO[bytes], gzip.GzipFile(fileobj=source))
    count = 0
    with tarfile.open(fileobj=cast(IO[bytes], _Bounded(source, len(data))), mode="r|") as archive:
        for member in archive:
            count += 1
            if count > MOST_ENTRIES:
                raise Refused(_("it holds more than {n} files").format(n=MOST_ENTRIES))
            if member.isdir() or not _is_interesting(tuple(member.name.split("/"))):
                continue
            file = archive.extractfile(member) if member.isreg() and not member.issparse() else None
            yield member.name, file.read(_most(member.name) + 1) if file else None


# -- names ---------------------------------------------------------------------------------------------------


def shown(text: str) -> str:
    """A stranger's name in a sentence: printable, and not longer than a line."""
    return "".join(c if c.isprintable() else "?" for c in text)[:80]


def _inside(archive: Parts) -> Parts:
    """A path below a directory with an archive's name: work.zip of a lab may be called as the lab."""
    name = archive[-1]
    stem = next(name[: -len(end)] for end in ARCHIVES if name.lower().endswith(end))
    return (*archive[:-1], stem, name)


def _most(name: str) -> int:
    return MOST_ARCHIVE if _is_archive(name) else MOST_FILE


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def _is_wanted(parts: Parts) -> bool:
    """Whether nothing in a path is hidden, or one of the doubles that macOS puts into archives."""
    return all(not p.startswith(".") or p in (".", "..") for p in parts) and "__MACOSX" not in parts


def _is_interesting(parts: Parts) -> bool:
    """Whether a file may be a source, or hold some."""
    name = parts[-1].lower()
    return name.endswith((".c", ".h", *ARCHIVES, *UNREAD)) and _is_wanted(parts)


def _place(member: str) -> Parts | None:
    """Where a member lies in its archive; None where that would lead out of it, or is no name for a file."""
    parts = tuple(p for p in member.replace("\\", "/").split("/") if p not in ("", "."))
    fits = not member.startswith(("/", "\\")) and not re.match(r"[A-Za-z]:", member)
    if not parts or not fits or ".." in parts or len(parts) > MOST_FOLDERS:
        return None
    return parts if all(p.isprintable() and len(p.encode()) < 200 for p in parts) else None
