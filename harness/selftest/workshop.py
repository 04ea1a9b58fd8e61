"""For the self-tests: native_programs/, built as the harness builds programs, and run with the shim preloaded."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit.box import shimstats
from labkit.box.shimstats import ShimStats
from labkit.build import build
from once import contents, made

PROGRAMS = Path(__file__).with_name("native_programs")
NATIVE = Path(__file__).parents[1] / "native"
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror")
SECONDS = 60  # a deadline for one run; none is near it
SEEDS = range(1, 6)
SANITIZERS = {
    "tsan": ("-fsanitize=thread",),
    "asan": ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
}
TRUSTED = {"tsan": "trusted_tsan.c", "asan": "trusted_asan.c"}


@dataclass(frozen=True)
class Run:
    """A run that has ended. log: what a sanitizer wrote. counters: where the shim counts."""

    status: int
    output: str
    log: str
    counters: Path

    @property
    def stats(self) -> ShimStats:
        return shimstats.read(self.counters)

    @property
    def races(self) -> list[str]:
        """TSan's reports but for the canary's."""
        reports = re.findall(r"WARNING: ThreadSanitizer.*?^SUMMARY[^\n]*", self.log, re.S | re.M)
        return [report for report in reports if "lab_canary_variable" not in report]


class Workshop:
    """Builds programs, each once for all, and runs them with the shim in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.shim = build.shim()
        self._runs = 0

    def build(self, name: str, kind: str = "plain", compiler: str = "gcc") -> Path:
        """One of native_programs/, by kind: plain, tsan or asan."""
        flags = ["-O1", "-g", "-pthread", "-D_GNU_SOURCE"]
        objects = []
        if kind != "plain":
            flags += SANITIZERS[kind]
            objects = self.trusted(kind, compiler)
        if kind == "tsan" and compiler == "gcc":
            # It warns that TSan takes no fence for anything; trusted_fences.c makes up for that.
            flags.append("-Wno-tsan")
        source = PROGRAMS / f"{name}.c"
        if kind == "tsan" and "atomic_thread_fence" in source.read_text():
            objects.append(str(NATIVE / "trusted_fences.c"))
        words = [*WARNINGS, *flags, str(source), *objects, "-o"]
        texts = contents(source, *PROGRAMS.glob("*.h"), *NATIVE.glob("*.[ch]"))
        home = made(
            f"{name}-{kind}-{compiler}",
            [words, texts],
            lambda home: compile_c(compiler, *words, str(home / name)),
        )
        return home / name

    def trusted(self, kind: str, compiler: str = "gcc") -> list[str]:
        """The objects that are linked into a sanitizer build, compiled as the harness does."""
        names: dict[str, tuple[str, ...]] = {TRUSTED[kind]: ()}
        if kind == "tsan":
            names["canary.c"] = SANITIZERS[kind]

        def make(home: Path) -> None:
            for name, flags in names.items():
                words = [*WARNINGS, "-O1", "-g", *flags, "-c", str(NATIVE / name), "-o"]
                compile_c(compiler, *words, str(home / f"{name}.o"))

        home = made(f"trusted-{kind}-{compiler}", [names, contents(*NATIVE.glob("*.[ch]"))], make)
        return [str(home / f"{name}.o") for name in names]

    def run(
        self, program: Path, *arguments: str, tool: tuple[str, ...] = (), **perturb: int
    ) -> Run:
        """Run to the end. perturb: the shim's variables without their prefix, `seed=1`."""
        self._runs += 1
        home = self.directory / f"run-{self._runs}"
        home.mkdir()
        log = f"log_path={home}/log"
        environment = {
            "PATH": "/usr/bin:/bin",
            "LD_PRELOAD": str(self.shim),
            "PERTURB_STATS": str(home / "stats"),
            "PERTURB_HIDE": program.name,
            "TSAN_OPTIONS": log,
            "ASAN_OPTIONS": log,
            "UBSAN_OPTIONS": log,
            **{f"PERTURB_{name.upper()}": str(value) for name, value in perturb.items()},
        }
        done = subprocess.run(
            ["setarch", "-R", *tool, str(program), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        words = "".join(path.read_text() for path in sorted(home.glob("log.*")))
        return Run(done.returncode, done.stdout + done.stderr, words, home / "stats")


def compile_c(compiler: str, *arguments: str) -> None:
    done = subprocess.run([compiler, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def line_of(program: str, mark: str) -> str:
    """`file.c:N` of the line that carries a mark in its comment."""
    for number, line in enumerate((PROGRAMS / f"{program}.c").read_text().splitlines(), 1):
        if mark in line:
            return f"{program}.c:{number}"
    raise AssertionError(f"{program}.c has no line with {mark}")


def forms_of(program: str) -> list[str]:
    """The words that a program of many forms takes for its first argument, in the order of its table."""
    return re.findall(r'^    \{"([\w-]+)", ', (PROGRAMS / f"{program}.c").read_text(), re.M)


LOCKS, WAYS = forms_of("taught_locks"), forms_of("taught_ways")
TAUGHT = [("taught_locks", form) for form in LOCKS] + [("taught_ways", way) for way in WAYS]


def needs(command: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(command), reason=f"{command} is not installed")


def sanitizes(compiler: str) -> bool:
    """Whether a compiler is there with the runtime of its sanitizers, which Debian packs apart from clang."""
    command = [compiler, "-fsanitize=thread", "-x", "c", "-", "-o", "/dev/null"]
    try:
        done = subprocess.run(command, input=b"int main(void) { return 0; }", capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


CLANG = pytest.param(
    "clang",
    marks=pytest.mark.skipif(
        not sanitizes("clang"), reason="clang or its sanitizers' runtime is not installed"
    ),
)


VALGRIND = needs("valgrind")
