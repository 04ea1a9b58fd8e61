"""Makes the rows into programs: one for each way of compiling, that runs any of them by name."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from knowledge.rows import DIRECTORY, HERE, Row, rows
from labkit.build import build
from labkit.ground.catalog import BUILD
from labkit.ground.faults import Trouble

CACHE = BUILD / "knowledge"
BASE = ("-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-pthread", *build.PORTABLE)
# gcc itself says that it does not know fences under TSan: that is what the row is there to show.
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror")
QUIET = ("-Wno-error=tsan", "-Wno-tsan")
TSAN = ("-fsanitize=thread", "-fno-omit-frame-pointer")

# How a group is compiled, by the name of its program.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "plain": ("gcc", ()),
    "gcc-tsan": ("gcc", (*build.TSAN.flags, *QUIET)),
    "clang-tsan": ("clang", TSAN),
}

# What the harness links in beside each program, and what only where the program asks for it.
PARTS = (*build.TSAN.trusted, *build.TSAN.instrumented)
ASKED_FOR = build.TSAN.asked_for


def group(kind: str) -> Path:
    """The program of all rows by a kind of KINDS, from the cache where it is there."""
    return _made(kind) / "group"


def watched() -> Path:
    """The same as `gcc-tsan`, linked as the harness links: with the trusted objects and the canary."""
    return _made("gcc-tsan") / "watched"


def watched_asking() -> dict[str, Path]:
    """The rows that ask for more than that, by name, and a program with all of it."""
    home = _made("gcc-tsan")
    return {
        row.name: home / "asking"
        for row in rows()
        if any(symbol in (home / f"{row.name}.o").read_bytes() for _name, symbol in ASKED_FOR)
    }


def _made(kind: str) -> Path:
    """The directory of a kind's programs; it is filled once for each state of the sources."""
    compiler, flags = KINDS[kind]
    if not shutil.which(compiler):
        raise Trouble(f"{compiler} is not installed")
    home = CACHE / f"{kind}-{_digest(compiler, *flags)}"
    if not home.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="new-", dir=CACHE))
        try:
            _compile(compiler, flags, scratch)
            _link(kind, compiler, flags, scratch)
            scratch.chmod(0o755)
            _take_place(scratch, home)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return home


def _take_place(scratch: Path, home: Path) -> None:
    """Give a directory its name in one rename; another process may have been faster."""
    try:
        scratch.rename(home)
    except OSError:
        if not home.exists():
            raise


def _compile(compiler: str, flags: tuple[str, ...], scratch: Path) -> None:
    """Compile every row to an object, each main by a name of its own."""

    def one(row: Row) -> None:
        name = f"-DROW_IN_GROUP=row_of_{row.name}"
        command = [compiler, *BASE, *WARNINGS, *flags, name, "-c", str(row.source)]
        _run([*command, "-o", str(scratch / f"{row.name}.o")])

    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        list(pool.map(one, rows()))


def _link(kind: str, compiler: str, flags: tuple[str, ...], scratch: Path) -> None:
    """Link the objects behind group.c, and for gcc's TSan a second time with the harness's parts."""
    objects = [str(scratch / f"{row.name}.o") for row in rows()]
    listed = "-DROWS=" + " ".join(f"X({row.name})" for row in rows())
    command = [compiler, *BASE, *WARNINGS, *flags, listed, str(HERE / "group.c"), *objects]
    _run([*command, "-o", str(scratch / "group")])
    if kind == "gcc-tsan":
        parts = [_part(name, compiler, flags, scratch) for name in PARTS]
        _run([*command, *parts, "-o", str(scratch / "watched")])
        parts += [_part(name, compiler, flags, scratch) for name, _symbol in ASKED_FOR]
        _run([*command, *parts, "-o", str(scratch / "asking")])


def _part(name: str, compiler: str, flags: tuple[str, ...], scratch: Path) -> str:
    """Compile one of the harness's own parts; returns its object."""
    part = str(scratch / f"{name}.o")
    own = flags if name in build.TSAN.instrumented else ()
    _run([compiler, *BASE, *own, "-c", str(build.NATIVE / name), "-o", part])
    return part


def _run(command: list[str]) -> None:
    done = build.run(command, DIRECTORY)
    if done.returncode:
        raise Trouble(f"{' '.join(command[:1])}: {done.stderr.strip()}")


def _digest(*words: str) -> str:
    """Of all that a group is made of: sources, flags, the compilers' files."""
    made = hashlib.sha256("\0".join(words).encode())
    parts = [build.NATIVE / name for name in (*PARTS, *(name for name, _symbol in ASKED_FOR))]
    for path in [*sorted(DIRECTORY.glob("*.[ch]")), HERE / "group.c", *parts]:
        made.update(f"{path.name}\0".encode() + path.read_bytes())
    for name in ("gcc", "clang"):
        place = os.path.realpath(shutil.which(name) or name)
        made.update(
            f"{place} {os.stat(place).st_mtime_ns if os.path.exists(place) else 0}".encode()
        )
    return made.hexdigest()[:24]
