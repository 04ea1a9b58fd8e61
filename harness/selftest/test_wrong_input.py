"""Wrong and broken submissions, wrong words on the command line: a clear message and the right exit status."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from commandline import Ran, cause, entries, lab, reference, step_one, submission, two, unprintable
from labkit.box import sandbox
from labkit.build import build
from labkit.build.intake import stage
from labkit.ground.catalog import ROOT, SOLUTIONS
from labkit.ground.faults import DidNotCompile, Fault

NAME = two().name
MAIN = "int main(void)\n{\n\treturn 0;\n}\n"
needs_sandbox = pytest.mark.skipif(
    not sandbox.available(), reason=f"no sandbox here: {sandbox.refusal()}"
)


# -- files that are no sources -------------------------------------------------------------------------------


def details(ran: Ran) -> str:
    """The words below the sentence that says what happened."""
    _before, _sentence, after = ran.out.partition("the program does not compile\n\n")
    return after


SOURCES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "undefined reference to `main'"),
    "syntax": ("int main(void) { return 0 }\n", "echo_server.c:1:26: error: expected ‘;’"),
    "unknown function": (
        "int accept_all(void);\n" + MAIN.replace("0", "accept_all()"),
        "echo_server.c:4: undefined reference to `accept_all'",
    ),
    "warning before": (
        "static int unused; /* error: not this one */\n" + MAIN.replace("0", "missing"),
        "echo_server.c: In function ‘main’:\necho_server.c:4:16: error: ‘missing’ undeclared",
    ),
    "two errors": (
        MAIN.replace("0", "first + second"),
        "echo_server.c: In function ‘main’:\necho_server.c:3:16: error: ‘first’ undeclared",
    ),
    "secrets": ('#include "/etc/passwd"\n' + MAIN, "fatal error: /etc/passwd: No such file"),
    "pretends": ("#error No space left on device\n" + MAIN, "error: #error No space left"),
    "garbage": (bytes(range(256)) * 1000, "error: "),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_does_not_compile(name: str, tmp_path: Path) -> None:
    """The compiler's words are shown, first error first."""
    source, words = SOURCES[name]
    if name == "secrets" and not sandbox.available():
        pytest.skip(f"the compiler sees every file: {sandbox.refusal()}")
    ran = step_one(submission(tmp_path, {"echo_server.c": source}))
    assert cause(tmp_path) == "does-not-compile"
    assert words in "\n".join(details(ran).splitlines()[:4])
    assert "root:" not in ran.out


# What -pthread makes the headers declare by itself is not enough for these.
NEEDY = {
    "01-echo": ("echo_server.c", "_POSIX_C_SOURCE 200809L"),
    "03-rockets": ("rockets.c", "_XOPEN_SOURCE 700"),
    "04-scanner": ("scanner.c", "_POSIX_C_SOURCE 200809L"),
    "05-chat": ("accounts.c", "_DEFAULT_SOURCE"),
    "06-control-server": ("log.c", "_POSIX_C_SOURCE 200809L"),
}


@pytest.mark.parametrize("name", NEEDY)
def test_a_missing_feature_macro_is_named(name: str, tmp_path: Path) -> None:
    """By the handout's own flags: where a source asks the headers for nothing, the macro is named."""
    file, macro = NEEDY[name]
    source = reference(tmp_path, name) / name / file
    text, changed = re.subn(r"#define _\w+_SOURCE\b", "#define NOTHING", source.read_text("utf-8"))
    assert changed == 1
    source.write_text(text, "utf-8")
    only = ("--step", "1", "--check=test_compiles_without_a_warning")
    ran = lab("check", name, "--work", tmp_path, "--report", tmp_path, *only)
    (step,) = entries(tmp_path, name)
    assert step["extra_data"]["cause"] == "no-feature-macro", ran.out
    assert f"  #define {macro} " in ran.out


def test_an_undeclared_name_is_no_missing_macro(tmp_path: Path) -> None:
    """A name that no macro declares is the compiler's affair."""
    step_one(submission(tmp_path, {"echo_server.c": MAIN.replace("0", "accept_all(ears)")}))
    assert cause(tmp_path) == "does-not-compile"


def test_two_mains(tmp_path: Path) -> None:
    """The linker's words are shown, with both places."""
    ran = step_one(submission(tmp_path, {"echo_server.c": MAIN, "second.c": MAIN}))
    first = " ".join(line.strip() for line in details(ran).splitlines()[:3])
    assert "second.c:" in first and "multiple definition of `main'; /out/echo_server.o" in first
    said = " ".join(ran.out.split())
    assert "Every .c file of the directory is linked" in said
    assert "here: echo_server.c second.c" in said


def test_an_error_in_a_header(tmp_path: Path) -> None:
    """Where the header was included is shown above its error."""
    files = {"echo_server.c": '#include "own.h"\n' + MAIN, "own.h": "int oops\n"}
    ran = step_one(submission(tmp_path, files))
    assert details(ran).startswith("In file included from echo_server.c:1:\n")


@needs_sandbox
def test_a_source_that_never_ends(tmp_path: Path) -> None:
    """An included device that never ends does not eat the machine's memory."""
    ran = step_one(submission(tmp_path, {"echo_server.c": '#include "/dev/zero"\n' + MAIN}))
    assert "the compiler needs more memory for it" in ran.out and "out of memory" in ran.out
    assert cause(tmp_path) == "does-not-compile"


@pytest.mark.parametrize("name", [b"\xff.c", b"\x1b[2J.c", b"a b'$HOME\n.c"])
def test_a_file_with_a_strange_name(name: bytes, tmp_path: Path) -> None:
    """Names are bytes: one that is no text is a file's like another, and steers no terminal."""
    home = submission(tmp_path, {"echo_server.c": MAIN}) / NAME
    (Path(os.fsdecode(os.fsencode(home) + b"/" + name))).write_text("/* TODO 1: */ int x = oops;\n")
    assert "error: ‘oops’ undeclared" in details(step_one(tmp_path))


@pytest.mark.parametrize("name", ["-fno-sanitize=all.c", "@echo_server.c"])
def test_a_file_with_the_name_of_an_option(name: str, tmp_path: Path) -> None:
    """What the compiler would take for an option is refused."""
    ran = step_one(submission(tmp_path, {"echo_server.c": MAIN, name: "int x;\n"}))
    assert f"{name}: the compiler would not take this name" in ran.out


NEAR = {
    "main.c": "there is main.c: rename it to echo_server.c",
    "Echo_Server.c": "there is Echo_Server.c: rename it to echo_server.c",
    "echo-server.c": "there is echo-server.c: rename it to echo_server.c",
    "echo_server (1).c": "there is echo_server (1).c: rename it to echo_server.c",
    "echo_server.c.txt": "there is echo_server.c.txt: rename it to echo_server.c",
    "echo_server.cpp": "there is echo_server.cpp: rename it to echo_server.c",
    "echo_sever.c": "there is echo_sever.c: rename it to echo_server.c",
    "src/echo_server.c": "there is src/echo_server.c: the file must lie in 02-threaded-echo itself",
    f"{NAME}/echo_server.c": f"there is {NAME}/echo_server.c: the file must lie in {NAME} itself",
    "notes.txt": "there is no echo_server.c in 02-threaded-echo",
    "._echo_server.c": "there is no echo_server.c in 02-threaded-echo",
}


@pytest.mark.parametrize("name", NEAR)
def test_a_wrong_name(name: str, tmp_path: Path) -> None:
    """What is there under another name, or in another place, is named."""
    path = submission(tmp_path, {}) / NAME / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(MAIN)
    assert refusal_of(tmp_path).what.endswith(NEAR[name])


DIRECTORIES = {
    "echo_server.c": "echo_server.c lies in {work} itself: put it into a directory 02-threaded-echo",
    "lab02/echo_server.c": "there is a directory lab02: rename it to 02-threaded-echo",
    "02-threaded-echo-main/echo_server.c": "there is a directory 02-threaded-echo-main: rename it to 02-threaded-echo",
    "01-echo/echo_server.c": "there is no directory 02-threaded-echo in {work}",
}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_wrong_directory(name: str, tmp_path: Path) -> None:
    """Where a lab's directory is missing, the one that is meant is named; another lab's is not."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(MAIN)
    assert refusal_of(tmp_path).what.endswith(DIRECTORIES[name].format(work=tmp_path))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_source_of_wide_characters(encoding: str, tmp_path: Path) -> None:
    """The encoding is named, not the compiler's thousand errors."""
    submission(tmp_path, {"echo_server.c": MAIN.encode(encoding)})
    refusal = refusal_of(tmp_path)
    assert refusal.cause == "does-not-compile"
    assert f"saved as {encoding[:6].upper()}, which no compiler reads" in refusal.what


def refusal_of(work: Path) -> Fault:
    """Why a work directory's lab 02 is not taken."""
    with pytest.raises(Fault) as raised:
        stage(two(), work, work / "stage")
    return raised.value


def test_what_belongs_to_nobody_is_left_out(tmp_path: Path) -> None:
    """Hidden files are not compiled; headers below the directory are, by the names that the sources use."""
    home = submission(tmp_path, {"echo_server.c": '#include "include/own.h"\n' + MAIN}) / NAME
    for name in ("._echo_server.c", ".#echo_server.c", ".git/hooks.c", "old/echo_server.c"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(b"\0\5\26\7")
    (home / "include").mkdir()
    (home / "include" / "own.h").write_text("extern int own;\n")
    sources = stage(two(), tmp_path, tmp_path / "stage")
    assert sources.files == ("echo_server.c", "include/own.h")
    assert build.Builder(two(), sources).build("echo_server").program.exists()


# -- files that are no sources ---------------------------------------------------------------------------


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_directory(path: Path) -> None:
    path.mkdir()


def make_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def make_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def make_nothing(_path: Path) -> None:
    pass


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


STRANGE = (
    (make_fifo, "echo_server.c in 02-threaded-echo is not a regular file"),
    (make_directory, "echo_server.c in 02-threaded-echo is not a regular file"),
    (make_link, "echo_server.c in 02-threaded-echo is a symbolic link"),
    (make_dangling_link, "echo_server.c in 02-threaded-echo is a symbolic link"),
    (make_nothing, "there is no echo_server.c in 02-threaded-echo"),
    (make_huge, "02-threaded-echo holds too much source"),
)


@pytest.mark.parametrize("make, words", STRANGE, ids=lambda v: getattr(v, "__name__", ""))
def test_a_source_that_is_no_file(make: object, words: str, tmp_path: Path) -> None:
    """The message says what stands there instead."""
    assert callable(make)
    make(submission(tmp_path, {}) / NAME / "echo_server.c")
    assert words in step_one(tmp_path).out
    assert cause(tmp_path) == "no-program"


def test_no_lab_directory(tmp_path: Path) -> None:
    """A work directory without the lab fails the step and says what is missing."""
    ran = lab("check", "02", "--work", tmp_path, "--all", "--report", tmp_path / "report")
    assert ran.status == 1
    assert f"there is no directory {NAME} in {tmp_path}" in " ".join(ran.out.split())
    steps = [test["extra_data"] for test in entries(tmp_path / "report")]
    assert [step["verdict"] for step in steps] == ["failed"] + 6 * ["blocked"]
    assert steps[0]["cause"] == "no-program"


def test_a_lab_directory_that_is_a_link(tmp_path: Path) -> None:
    """It is not followed: it could lead to the solutions, or to another student's work."""
    (tmp_path / NAME).symlink_to(SOLUTIONS / NAME)
    report = tmp_path / "report"
    ran = lab("check", "02", "--work", tmp_path, "--report", report)
    assert ran.status == 1
    assert f"{NAME} in {tmp_path} is a symbolic link" in " ".join(ran.out.split())
    assert entries(report)[0]["extra_data"]["cause"] == "no-program"


def test_many_files_that_take_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may be compiled in time, but not all of them: the program is refused, once for all its steps."""
    monkeypatch.setattr(build, "MOST_CPU_SECONDS", 1.0)
    # 8 to the sixth declarations, for which the compiler needs some tenths of a second.
    lines = [f"#define A{n + 1} " + 8 * f"A{n} " for n in range(6)]
    text = "\n".join(["#define A0 int slow(void);", *lines, "A6", ""])
    slow = {f"slow{n:02d}.c": text for n in range(20)}
    submission(tmp_path / "work", {"echo_server.c": MAIN, **slow})
    sources = stage(two(), tmp_path / "work", tmp_path / "stage")
    builder = build.Builder(two(), sources)
    for _again in range(2):
        began = time.monotonic()
        with pytest.raises(DidNotCompile, match="did not come to an end"):
            builder.build("echo_server")
        took = time.monotonic() - began
    assert took < 0.5


def test_a_text_that_is_too_much_to_look_through(tmp_path: Path) -> None:
    """A source that the compiler takes, but whose text is made too long for the screen, hides something."""
    home = reference(tmp_path) / NAME
    line, most = "#define A0 " + 240 * '"0123456789"', 5
    lines = [f"#define A{n + 1} " + 8 * f"A{n} " for n in range(most)]
    size = f"int size(void);\nint size(void) {{ return (int)(sizeof(A{most}) / 1000); }}\n"
    with (home / "echo_server.c").open("a") as file:
        file.write("\n".join([line, *lines, size]))
    step_one(tmp_path, "--step", "7", "--check", "test_nothing_is_hidden")
    assert cause(tmp_path) == "hidden-from-sanitizer"


def test_nothing_but_sources_is_taken(tmp_path: Path) -> None:
    """A makefile, a test, a configuration and a program in a submission are neither run nor believed."""
    home = reference(tmp_path) / NAME
    proof = tmp_path / "was-run"
    for name in ("Makefile", "GNUmakefile", "makefile"):
        (home / name).write_text(f"$(shell touch {proof})\nall:\n\ttouch {proof}\n")
    for name in ("conftest.py", "test_it.py", "sitecustomize.py", "labkit.py", "pytest.py"):
        (home / name).write_text(f"open({str(proof)!r}, 'w')\n")
    (home / "lab.toml").write_text("nonsense")
    (home / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    shutil.copy("/usr/bin/false", home / "echo_server")
    shutil.copy("/usr/bin/false", home / "echo_server.o")
    report = tmp_path / "report"
    ran = lab("check", "2", "--work", tmp_path, "--step", "1", "--report", report, cwd=home)
    assert (ran.status, ran.left, proof.exists()) == (0, (), False), ran.words


# -- wrong words on the command line ---------------------------------------------------------------------

WRONG = (
    ((), "COMMAND"),
    (("nonsense",), "nonsense"),
    (("check",), "lab"),
    (("check", "99"), "there is no lab '99'; the labs are: 01-echo, 02-threaded-echo"),
    (("check", ""), "there is no lab ''"),
    (("check", "../02-threaded-echo"), "there is no lab '../02-threaded-echo'"),
    (("check", "\033[31m2"), r"there is no lab '\x1b[31m2'"),
    (("check", "02", "--step", "9"), "lab 02 has no step 9; its steps are 1 to 7"),
    (("check", "02", "--step", "0"), "lab 02 has no step 0"),
    (("check", "02", "--step", "two"), "--step"),
    (("check", "02", "--seed", "x"), "--seed"),
    (("check", "02", "--work", "/nowhere"), "there is no directory /nowhere"),
    (("check", "02", "--work", "README.md"), "there is no directory README.md"),
    (("grade", "--work", "/nowhere"), "there is no directory /nowhere"),
    (("grade", "02"), "02"),
)


@pytest.mark.parametrize("arguments, words", WRONG, ids=lambda v: " ".join(v) if v else "nothing")
def test_wrong_arguments(arguments: tuple[str, ...], words: str) -> None:
    """Status 2, and stderr says what is wrong; nothing else is printed."""
    ran = lab(*arguments)
    assert (ran.status, ran.out) == (2, ""), ran.words
    assert words in ran.err
    assert "Traceback" not in ran.err and not unprintable(ran.err)


def test_nobody_reads_the_output() -> None:
    """`make check | true`: no traceback."""
    command = ["bash", "-o", "pipefail", "-c", "harness/lab check 02 --work / --step 1 | true"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


def test_the_output_cannot_be_written() -> None:
    """A full disk under stdout is an error of the machine's."""
    with open("/dev/full", "w", encoding="ascii") as full:
        command = ["harness/lab", "check", "02", "--work", "/", "--step", "1"]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr
