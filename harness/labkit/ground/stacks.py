"""Stack frames as the sanitizers print them, and the source lines they point at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

SOURCE_BYTES_MAX = 4 << 20

# TSan:       #1 serve_client /lab/echo_server.c:12:3 (echo_server+0x11d2) (BuildId: 0aaa97)
# ASan:       #1 0x55cdaada0414 in client_name /lab/echo_server.c:16
_FRAME = re.compile(
    r"\s*#\d+ (?:0x[0-9a-f]+ )?(?:in )?(?P<function>[^\s(]\S*)(?P<rest>.*)", re.IGNORECASE
)
_BUILD_ID = re.compile(r"\s*\(BuildId: [0-9a-f]*\)$")
_MODULE = re.compile(r"\s*\((?P<module>[^()]*)\+0x[0-9a-f]+\)$")
_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::\d+)?$")
# How the sanitizers call their versions of library functions.
_DISGUISE = re.compile(r"^(?:__interceptor_|___interceptor_|__asan_(?=mem))")
_LIBRARIES = ("/usr/", "/build/glibc")
# The preloaded object, where a tool does not say which object a frame is in.
_OURS = re.compile(r"/native/perturb\w*\.[ch]$")


@dataclass(frozen=True)
class Frame:
    """One call on a stack.

    file: as the tool printed it, None where the program does not know. module: the program or library.
    """

    function: str
    file: str | None
    line: int | None
    module: str | None = None

    @property
    def name(self) -> str | None:
        """The file without its directories."""
        return PurePosixPath(self.file).name if self.file else None

    @property
    def where(self) -> str:
        """As compilers write it: echo_server.c:12."""
        return f"{self.name}:{self.line}" if self.file else self.function

    @property
    def foreign(self) -> bool:
        """Whether this is code of a library: the C library, the sanitizer, a preloaded object.

        Libraries are compiled elsewhere, with relative paths that have a directory in them.
        """
        if self.file is None or (
            self.module is not None and ".so" in PurePosixPath(self.module).name
        ):
            return True
        path = self.file.removeprefix("./")
        return (
            path.startswith(_LIBRARIES)
            or bool(_OURS.search(path))
            or ("/" in path and path[0] != "/")
        )


def parse_frame(line: str) -> Frame | None:
    """The frame in a line of TSan, ASan, LSan or UBSan; None where it is no such line."""
    match = _FRAME.match(line)
    if not match:
        return None
    rest = _BUILD_ID.sub("", match["rest"])
    module = _MODULE.search(rest)
    place = _PLACE.match((rest[: module.start()] if module else rest).strip())
    return Frame(
        function=_DISGUISE.sub("", match["function"]),
        file=place["file"] if place else None,
        line=number(place["line"]) if place else None,
        module=module["module"] if module else None,
    )


def number(digits: str) -> int:
    """A number out of a report; garbage of absurd length counts as 0."""
    return int(digits) if len(digits) < 10 else 0


def parse_frames(lines: Iterable[str]) -> tuple[Frame, ...]:
    """All frames in these lines, in their order."""
    return tuple(frame for frame in map(parse_frame, lines) if frame)


@dataclass
class Section:
    """A line of a report that is no frame, and the stack below it."""

    heading: str
    frames: list[Frame] = field(default_factory=list)


def sections(lines: Iterable[str]) -> list[Section]:
    """A report's headings with their stacks; frames before any heading get an empty one."""
    found = [Section("")]
    for line in lines:
        frame = parse_frame(line)
        if frame:
            found[-1].frames.append(frame)
        elif line.strip() and not line.startswith("    "):
            found.append(Section(line.strip()))
    return found


def whole_lines(text: str) -> list[str]:
    """The lines of a log; the last one is left out where it lacks its end, for a kill may have cut it."""
    return text.split("\n")[:-1]


def own(frames: Sequence[Frame], files: Iterable[str | Path] | None = None) -> Frame | None:
    """The innermost frame in one of `files` (names count, directories don't); None: in no library."""
    names = None if files is None else {Path(file).name for file in files}
    for frame in frames:
        if not frame.foreign and (names is None or frame.name in names):
            return frame
    return None


def outermost(frames: Sequence[Frame]) -> Frame | None:
    """The frame that called all others outside libraries: main, or what a thread was started with."""
    return own(frames[::-1])


def library_call(frames: Sequence[Frame]) -> str | None:
    """The library's function that the innermost own frame calls: "free"; None where it calls none."""
    mine = own(frames)
    at = frames.index(mine) if mine else 0
    if at == 0:
        return None
    name = frames[at - 1].function.split("@")[0]
    return name if re.fullmatch(r"[a-z_]\w*", name) else None


def source_line(frame: Frame, directory: Path) -> str:
    """The line of source that a frame points at; empty where it can't be read."""
    return dict(source_lines(frame, directory, 0)).get(frame.line or 0, "")


def source_lines(frame: Frame, directory: Path, around: int = 1) -> list[tuple[int, str]]:
    """The line a frame points at and its neighbours, numbered, fit for a terminal.

    Only a plain file of this name in `directory` is read, whatever path the report gives.
    """
    if not frame.name or not frame.line:
        return []
    path = directory / frame.name
    if not path.exists():  # a header in a directory below
        path = next(directory.glob(f"*/**/{frame.name}"), path)
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > SOURCE_BYTES_MAX:
            return []
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except (OSError, ValueError):
        return []
    first, last = max(1, frame.line - around), min(len(lines), frame.line + around)
    if not 1 <= frame.line <= len(lines):
        return []
    return [(n, _plain(lines[n - 1])) for n in range(first, last + 1)]


def _plain(line: str) -> str:
    """A line of source without what a terminal would obey; tabs become four spaces."""
    line = line.expandtabs(4).rstrip()
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
