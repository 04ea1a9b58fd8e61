"""From a student's sources to programs: out of tree, cached by content, with trusted flags only.

Of a submission only its `*.c` and `*.h` are taken, copied to a stage; never a makefile. The `.c` file of a
program's name carries its `main`, every other `.c` of the directory is linked into each program, and so is
`labs/common` as a static library, built by the same flavour.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from labkit.box import bounded, sandbox
from labkit.box.bounded import Bounds, Endless
from labkit.build import compiler, features
from labkit.build.intake import Sources
from labkit.ground import scratch as scratches
from labkit.ground.catalog import BUILD, COMMON, HARNESS, Lab
from labkit.ground.faults import DidNotCompile, Fault, Trouble
from labkit.ground.words import _

NATIVE = HARNESS / "native"
CACHE = BUILD / "cache"
# Ubuntu's compilers fortify by themselves: other warnings, and calls that the shim does not see.
PORTABLE = ("-U_FORTIFY_SOURCE",)
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow")
TRUSTED = Bounds(cpu=240.0, asleep=60.0)  # of code of our own
MOST_CPU_SECONDS = 60.0  # for all files of one program; a second or two is usual


@dataclass(frozen=True)
class Flavour:
    """A way of building: the compiler, its flags, and the trusted C files linked in.

    trusted: files of harness/native compiled without a sanitizer, so that a student's own definition of
    the same symbol is a link error. instrumented: compiled with the flags. handout: the student's files are
    compiled with these flags and those of the lab's handout, and no others that could change a verdict. asked_for:
    as trusted, but linked in only where the student's objects have this symbol.
    """

    name: str
    compiler: str = "gcc"
    flags: tuple[str, ...] = ("-O1", "-g")
    trusted: tuple[str, ...] = ()
    instrumented: tuple[str, ...] = ()
    handout: bool = False
    asked_for: tuple[tuple[str, bytes], ...] = ()


PLAIN = Flavour("plain")
TSAN = Flavour(
    "tsan",
    # gcc expands small memset and memcpy calls in place and instruments only a part of them.
    flags=("-O1", "-g", "-fsanitize=thread", "-fno-omit-frame-pointer")
    + ("-fno-builtin-memset", "-fno-builtin-memcpy", "-fno-builtin-memmove"),
    trusted=("trusted_tsan.c",),
    asked_for=(("trusted_fences.c", b"__tsan_atomic_thread_fence"),),
    instrumented=("canary.c",),
)
ASAN = Flavour(
    "asan",
    # A null pointer and zero bytes are no error in C2y: the program goes on, and `findings` judges the report.
    flags=("-O1", "-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer")
    + ("-fno-sanitize-recover=undefined", "-fsanitize-recover=nonnull-attribute,pointer-overflow"),
    trusted=("trusted_asan.c",),
)
# As the handouts' command line has it, without -O: that brings warnings which a student has not seen.
GCC = Flavour("gcc", flags=("-g",), handout=True)
CLANG = Flavour("clang", compiler="clang", flags=("-g",), handout=True)


@dataclass(frozen=True)
class Built:
    """A program and what the compiler said. objects: the student's own object files, in its directory."""

    program: Path
    objects: tuple[Path, ...] = field(default_factory=tuple)
    warnings: str = ""


class Builder:
    """Builds the programs of one staged lab; the same sources and flags are compiled once per machine.

    mute: the servers among them that were seen not to say where they listen.
    """

    def __init__(self, lab: Lab, sources: Sources) -> None:
        self.lab = lab
        self.sources = sources
        self.mute: set[str] = set()
        self._refused: dict[str, DidNotCompile] = {}

    def build(self, program: str, flavour: Flavour = PLAIN) -> Built:
        """The program in a flavour, from the cache where it is there. DidNotCompile with the compiler's words."""
        units = self.sources.units(self.lab, program)
        own = (*units, *self.lab.flags, str(flavour))
        key = _digest(self.sources.digest, *own, _tools(), _digest_of(COMMON))
        home = CACHE / f"{program}-{flavour.name}-{key}"
        if key in self._refused:
            raise replace(self._refused[key])
        if not (home / "done").exists():
            try:
                with _fresh(home) as scratch:
                    self._compile(program, units, flavour, scratch)
            except DidNotCompile as refused:
                told = self.lacking(program, flavour, refused.details) or refused
                self._refused[key] = DidNotCompile(**vars(told))
                raise replace(self._refused[key]) from None
        words = (home / "warnings").read_text(encoding="utf-8")
        return Built(home / program, tuple(home / f"{unit[:-2]}.o" for unit in units), words)

    def lacking(self, program: str, flavour: Flavour, words: str) -> Fault | None:
        """What the compiler's words about a program mean where a feature macro is missing; None where none is."""

        def again(option: str) -> str:
            more = replace(flavour, flags=(*flavour.flags, option))
            said = ""
            with tempfile.TemporaryDirectory() as out:
                for unit in self.sources.units(self.lab, program):
                    try:
                        said += self._compile_unit(unit, more, Path(out), compiler.CPU_SECONDS)[0]
                    except DidNotCompile as refused:
                        said += refused.details
            return said

        return features.lacking(words, again)

    def _compile(self, program: str, units: Sequence[str], flavour: Flavour, out: Path) -> None:
        """Compile every unit, then link; all warnings are kept."""
        parts = {"/parts": _parts(flavour)}
        words, left = "", MOST_CPU_SECONDS
        for unit in units:
            said, used = self._compile_unit(unit, flavour, out, left)
            words, left = words + said, left - used
        objects = [f"/out/{unit[:-2]}.o" for unit in units]
        extra = [
            *_linked(flavour),
            *_asked_for(flavour, [out / f"{unit[:-2]}.o" for unit in units]),
        ]
        libraries = [*(f"/parts/{name[:-2]}.o" for name in extra), "/parts/libcommon.a"]
        # The trusted objects stand before the library: what they define is not taken from elsewhere.
        view = sandbox.View(self.sources.directory, parts, {"/out": out}, proc=False)
        arguments = [*flavour.flags, "-pthread", *objects, *libraries, "-lcrypt", "-lm"]
        with _explained(units):
            self._run(view, flavour, [*arguments, "-o", f"/out/{program}"])
        (out / "warnings").write_text(words, encoding="utf-8")

    def _compile_unit(
        self, unit: str, flavour: Flavour, out: Path, cpu: float
    ) -> tuple[str, float]:
        """Compile one file in a view that is the same for every flavour; returns what `_run` does."""
        with looking_at(self.sources.directory, out) as view:
            threads = self.lab.flags if flavour.handout else ("-pthread",)
            arguments = [*WARNINGS, *flavour.flags, *threads, *PORTABLE, "-I/common", "-c", unit]
            told = self._run(view, flavour, [*arguments, "-o", f"/out/{unit[:-2]}.o"], cpu)
            (view.writable["/out"] / f"{unit[:-2]}.o").rename(out / f"{unit[:-2]}.o")
        return told

    def _run(
        self,
        view: sandbox.View,
        flavour: Flavour,
        arguments: Sequence[str],
        cpu: float = compiler.CPU_SECONDS,
    ) -> tuple[str, float]:
        """Run the compiler on the student's files, sandboxed, for at most so many seconds of CPU time.

        Returns what it said, and the seconds that it used.
        """
        words = [_place(view, word) for word in arguments]
        return compiler.compile_in(view, flavour.compiler, words, cpu)


@contextmanager
def _explained(units: Sequence[str]) -> Iterator[None]:
    """What the linker cannot know: why it was given those files."""
    try:
        yield
    except DidNotCompile as refused:
        if "multiple definition of" in refused.details:
            words = _("Every .c file of the directory is linked into each program; here: {files}")
            refused.details += "\n\n" + words.format(files=" ".join(units))
        raise


@contextmanager
def looking_at(directory: Path, scratch: Path | None = None) -> Iterator[sandbox.View]:
    """What a compiler sees of a student's directory, whatever it is run for, with an /out that is empty.

    scratch: where that is made; None is the machine's directory for such things.

    A source can ask what there is, by `__has_include`. It must find the same wherever it is compiled and
    where it is looked through: else it were another text there. So nothing tells of the flavour, and there
    is no /proc, which has the compiler's descriptors.
    """
    with scratches.directory("out", scratch) as out:
        yield sandbox.View(directory, {"/common": COMMON}, {"/out": out}, proc=False)


def run(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of ours to its end; Trouble where it cannot be started or come to its end."""
    environment = {**sandbox.environment(), "TMPDIR": tempfile.gettempdir()}
    try:
        return bounded.run(command, cwd, TRUSTED, environment).completed(command)
    except Endless as error:
        raise Trouble(f"{command[0]}: {error}") from error


def _place(view: sandbox.View, word: str) -> str:
    """Translate the places /out, /common and /parts in an argument to what the compiler can see."""
    for prefix in ("", "-I"):
        rest = word[len(prefix) :]
        if word.startswith(prefix) and rest.startswith(("/out", "/common", "/parts")):
            return prefix + sandbox.place(view, rest)
    return word


# -- trusted parts: the common library, the shim and what is linked in beside the student's code ------


def shim() -> Path:
    """The perturbation shim, built once per machine; updates.so, which finds lost updates, lies beside it."""
    sources = sorted(NATIVE.glob("perturb*.c"))
    libraries = {"perturb.so": sources, "updates.so": [NATIVE / "updates.c"]}
    digests = [_digest_of(source) for made in libraries.values() for source in made]
    home = CACHE / f"shim-{_digest(_tools(), *digests, _digest_of_headers())}"
    if not (home / "done").exists():
        with _fresh(home) as scratch:
            for name, made in libraries.items():
                _trusted(
                    ["gcc", "-std=c11", "-O1", "-g", "-fPIC", "-shared", "-pthread", "-Wall"]
                    # ASan finds its way through a stack by frame pointers.
                    + ["-Wextra", "-fno-omit-frame-pointer", "-o", str(scratch / name)]
                    + [*map(str, made), "-ldl"]
                )
    return home / "perturb.so"


def wakeups() -> Path:
    """The program that tells how late this machine wakes threads, built once per machine: see its head."""
    source = NATIVE / "wakeups.c"
    home = CACHE / f"wakeups-{_digest(_tools(), _digest_of(source))}"
    if not (home / "done").exists():
        with _fresh(home) as scratch:
            _trusted(
                ["gcc", *WARNINGS, "-O1", "-pthread", str(source), "-o", str(scratch / "wakeups")]
            )
    return home / "wakeups"


@functools.cache
def _parts(flavour: Flavour) -> Path:
    """A directory with libcommon.a and the flavour's own objects."""
    names = (*_linked(flavour), *(name for name, _symbol in flavour.asked_for))
    digests = [_digest_of(COMMON), _digest_of_headers(), *(_digest_of(NATIVE / n) for n in names)]
    home = CACHE / f"parts-{flavour.name}-{_digest(str(flavour), _tools(), *digests)}"
    if (home / "done").exists():
        return home
    with _fresh(home) as scratch:
        words = [flavour.compiler, *WARNINGS, "-pthread", "-c"]
        for name in names:
            flags = flavour.flags if name in flavour.instrumented else ("-O1", "-g")
            _trusted([*words, *flags, str(NATIVE / name), "-o", str(scratch / f"{name[:-2]}.o")])
        archive = ["ar", "rcs", str(scratch / "libcommon.a")]
        for source in sorted(COMMON.glob("*.c")):
            target = scratch / f"common-{source.stem}.o"
            prefix = f"-ffile-prefix-map={COMMON}=common"
            _trusted([*words, *flavour.flags, prefix, str(source), "-o", str(target)])
            archive.append(str(target))
        _trusted(archive)
    return home


def _linked(flavour: Flavour) -> tuple[str, ...]:
    """The C files whose objects are linked into each program."""
    return (*flavour.trusted, *flavour.instrumented)


def _asked_for(flavour: Flavour, objects: Sequence[Path]) -> list[str]:
    """The C files of those that this program's objects ask for."""
    names = []
    for name, symbol in flavour.asked_for:
        if any(symbol in path.read_bytes() for path in objects):
            names.append(name)
    return names


def _trusted(command: Sequence[str]) -> None:
    """Compile code of our own; a failure is our trouble."""
    done = run(command, HARNESS)
    if done.returncode:
        why = done.stderr.strip()
        raise Trouble(_("building the harness's own parts failed: {why}").format(why=why))


def _cannot_write(path: Path, why: OSError) -> Trouble:
    return Trouble(_("cannot write {path}: {why}").format(path=path, why=why))


class _fresh:
    """A scratch directory that becomes `home` in one rename, so that two builds never meet half-way."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def __enter__(self) -> Path:
        try:
            CACHE.mkdir(parents=True, exist_ok=True)
            self._scratch = scratches.Scratch("new", CACHE)
        except OSError as error:
            raise _cannot_write(CACHE, error) from error
        return self._scratch.path

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        try:
            if kind is None:
                (self._scratch.path / "done").touch()
                self._scratch.path.chmod(0o755)
                self._scratch.path.rename(self._home)
        except OSError as error:
            if not (self._home / "done").exists():  # another build was not faster either
                raise _cannot_write(self._home, error) from error
        finally:
            self._scratch.remove()


def _digest(*texts: str) -> str:
    return hashlib.sha256(os.fsencode("\0".join(texts))).hexdigest()[:24]


def _digest_of(path: Path) -> str:
    """A digest of a file, or of the C files of a directory."""
    files = sorted(path.glob("*.[ch]")) if path.is_dir() else [path]
    return _digest(*(f"{file.name} {file.read_bytes().hex()}" for file in files))


def _digest_of_headers() -> str:
    return _digest(*(file.read_bytes().hex() for file in sorted(NATIVE.glob("*.h"))))


@functools.cache
def _tools() -> str:
    """The compilers' versions: another compiler makes another program."""
    found = []
    for name in ("gcc", "clang"):
        path = shutil.which(name, path="/usr/bin:/bin")
        if path:
            found.append(f"{os.path.realpath(path)} {os.stat(path).st_mtime_ns}")
    return " ".join(found)
