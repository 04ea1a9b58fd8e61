"""The compiler in its bounds: what it takes, what it says, and whose fault a failed compilation is."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from labkit.box import sandbox
from labkit.build import compiler
from labkit.ground import proc
from labkit.ground.faults import DidNotCompile, Trouble
from labkit.ground.usage import Usage

MEMORY = {"gcc": 400, "clang": 700}  # MiB that they get: enough to start


def compiled(tmp_path: Path, source: str, name: str = "gcc") -> str:
    """What the compiler says of a source."""
    (tmp_path / "x.c").write_text(source)
    view = sandbox.View(tmp_path)
    arguments = ["-c", "x.c", "-o", sandbox.place(view, "/dev/null")]
    return compiler.compile_in(view, name, arguments)[0]


@pytest.mark.skipif(not sandbox.available(), reason=sandbox.refusal())
def test_a_compiler_that_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads from the pipe that it writes to: it is ended, and the student told so."""
    monkeypatch.setattr(compiler, "BOUNDS", replace(compiler.BOUNDS, asleep=0.5))
    with pytest.raises(DidNotCompile, match="did not come to an end: it did nothing for"):
        compiled(tmp_path, '#include "/proc/self/fd/2"\n')


@pytest.mark.skipif(not sandbox.available(), reason=sandbox.refusal())
def test_a_compiler_that_works_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that includes itself twice, two hundred deep: the CPU limit ends it."""
    monkeypatch.setattr(compiler, "BOUNDS", replace(compiler.BOUNDS, cpu=1.0))
    with pytest.raises(DidNotCompile, match="did not come to an end: it used 1 s of CPU time"):
        compiled(tmp_path, "#if __INCLUDE_LEVEL__ < 99\n" + 2 * '#include "x.c"\n' + "#endif\n")


@pytest.mark.skipif(not sandbox.available(), reason=sandbox.refusal())
@pytest.mark.parametrize("name", ["gcc", "clang"])
def test_a_macro_that_eats_memory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the source makes the compiler take is the source's fault, also where it says `Cannot allocate memory`."""
    monkeypatch.setattr(
        compiler, "LIMITS", replace(compiler.LIMITS, memory=MEMORY[name] * sandbox.MIB)
    )
    monkeypatch.setattr(compiler, "ORDINARY", 150 * sandbox.MIB)
    lines = ["#define A0 x x x x x x x x"]
    lines += [f"#define A{i} " + f"A{i - 1} " * 8 for i in range(1, 9)]
    with pytest.raises(DidNotCompile, match="(needs more memory|does not compile)"):
        compiled(tmp_path, "\n".join([*lines, "A8", ""]), name)


@pytest.mark.skipif(not sandbox.available(), reason=sandbox.refusal())
def test_a_compiler_that_gets_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is far too busy it is the machine's trouble, whatever the source is."""
    monkeypatch.setattr(compiler, "BOUNDS", replace(compiler.BOUNDS, wall=0.0))
    with pytest.raises(Trouble, match="the machine is too busy: a tool of ours got 0.[0-9] s of"):
        compiled(tmp_path, "#include <stdio.h>\n" * 1000 + "int x;\n")


@pytest.mark.skipif(not sandbox.available(), reason=sandbox.refusal())
def test_a_compiler_that_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It wants a CPU and gets none, for longer than any source may make it wait: it goes on, and is right."""
    monkeypatch.setattr(compiler, "BOUNDS", replace(compiler.BOUNDS, asleep=0.5))
    stopped = threading.Thread(target=stop_for_a_while, args=("cc1", 1.5))
    stopped.start()
    try:
        assert "error" not in compiled(tmp_path, "#include <stdio.h>\n" * 20_000 + "int x;\n")
    finally:
        stopped.join()


def stop_for_a_while(name: str, seconds: float) -> None:
    """Stop the first descendant of ours that has this name, and let it go on later."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        for pid in proc.tree(os.getpid()):
            with suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    os.kill(pid, signal.SIGSTOP)
                    time.sleep(seconds)
                    os.kill(pid, signal.SIGCONT)
                    return
        time.sleep(0.002)


@pytest.mark.skipif(not sandbox.available(), reason=sandbox.refusal())
def test_a_compiler_that_says_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More words than anybody reads are not collected."""
    monkeypatch.setattr(compiler, "MOST_WORDS", 10_000)
    with pytest.raises(DidNotCompile, match="it printed more than"):
        compiled(tmp_path, "#warning again\n" * 10_000)


BIG = 1 << 30


@pytest.mark.parametrize(
    "words, peak, kind",
    [
        ("x.c:1:1: error: no", 0, DidNotCompile),
        ("x.c:1:2: error: #error No space left on device", 0, DidNotCompile),
        ("    1 | #error Cannot allocate memory", 0, DidNotCompile),
        ("ld: x.c:(.text+0x1): undefined reference to `a: Disk quota exceeded'", 0, DidNotCompile),
        ("cc1: out of memory allocating 99 bytes after a total of 7 bytes", BIG, DidNotCompile),
        ("cc1: out of memory allocating 99 bytes after a total of 7 bytes", 0, Trouble),
        ("cc1: out of memory allocating 1099511627808 bytes after a total", 0, DidNotCompile),
        ("virtual memory exhausted: Cannot allocate memory", BIG, DidNotCompile),
        ("virtual memory exhausted: Cannot allocate memory", 0, Trouble),
        ("gcc: fatal error: Killed signal terminated program cc1", BIG, DidNotCompile),
        ("gcc: fatal error: Killed signal terminated program cc1", 0, Trouble),
        (
            "gcc: internal compiler error: CPU time limit exceeded signal terminated program cc1",
            0,
            DidNotCompile,
        ),
        (
            "gcc: internal compiler error: File size limit exceeded signal terminated program as",
            0,
            DidNotCompile,
        ),
        (
            "gcc: fatal error: cannot execute 'cc1': vfork: Resource temporarily unavailable",
            0,
            Trouble,
        ),
        (
            "clang: error: unable to execute command: posix_spawn failed: Cannot allocate memory",
            0,
            Trouble,
        ),
        ("/tmp/x.s: Fatal error: can't close x.o: 'No space left on device'", 0, Trouble),
        ("/usr/bin/ld: final link failed: No space left on device", 0, Trouble),
        ("cc1: fatal error: error writing to /tmp/x.s: Disk quota exceeded", 0, Trouble),
        ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", 0, Trouble),
        ("nsenter: reassociate to namespaces failed: Operation not permitted", 0, Trouble),
    ],
)
def test_whose_fault_a_failed_compilation_is(words: str, peak: int, kind: type[Exception]) -> None:
    """A message of the machine is not confused with one that a source can make the compiler print."""
    assert type(compiler.refusal(words, Usage(peak=peak))) is kind


@pytest.mark.parametrize("boxed, kind", [(True, DidNotCompile), (False, Trouble)])
def test_a_full_scratch_place(
    boxed: bool, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the sandbox the compiler's /tmp is its own: only this source can have filled it."""
    monkeypatch.setattr(sandbox, "available", lambda: boxed)
    words = "cc1: fatal error: error writing to /tmp/x.s: No space left on device"
    assert type(compiler.refusal(words)) is kind


def test_the_first_error_comes_first() -> None:
    """Warnings before it are left out, what leads to it is kept, and not everything after it is shown."""
    words = (
        "x.c:1:1: warning: unused\n    1 | error: in a comment\n"
        "In file included from y.h:1,\n                 from x.c:2:\n"
        "z.h: In function ‘f’:\nz.h:3:3: error: this\n    3 | code\n" + "more\n" * 100
    )
    lines = compiler.first_error(words, most=6).splitlines()
    assert lines[:2] == ["In file included from y.h:1,", "                 from x.c:2:"]
    assert lines[3:] == ["z.h:3:3: error: this", "    3 | code", "more", "… 99 more lines"]
