"""The workbook's experiments are what the workbook says they are; and how any program is built and run for it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest

from labkit.ground.catalog import ROOT
from labkit.ground.faults import Trouble
from labkit.workbook import boxed, experiments
from labkit.workbook.boxed import Outcome
from labkit.workbook.experiments import Expected

DOCS = ROOT / "docs"
SAMPLES = Path(__file__).parent / "quiz_docs" / "experiments"
NAMES = experiments.names()
CHAPTERS = sorted([*(DOCS / "en").glob("**/*.md"), *(DOCS / "ru").glob("**/*.md")])
RUN = re.compile(r"^\{\{ *run +(?:tsan +)?(\w+)[^}]*\}\}\s*$", re.MULTILINE)
PROGRAM = re.compile(r"^\{\{ *program +(\w+\.\w+)((?: +\w+)*) *\}\}\s*$", re.MULTILINE)
DIRECTIVE = re.compile(r"^\{\{ *(?:run|program)\b.*$", re.MULTILINE)
NAMED = re.compile(r"^(?:experiment|program) *= *\"(\w+)\"", re.MULTILINE)


def mismatch(outcome: Outcome, expected: Expected) -> str:
    """What is not as expected, in words; empty if nothing."""
    assert outcome.ended
    name = outcome.ended.signal
    status = 128 + signal.Signals[name] if name else outcome.ended.status
    if status != expected.status:
        return f"status {status}, not {expected.status}:\n{outcome.output}"
    lines = outcome.output.splitlines()
    for number, (line, pattern) in enumerate(zip_longest(lines, expected.patterns), 1):
        if line is None or pattern is None or not re.fullmatch(pattern, line):
            return f"line {number} is {line!r}, not {pattern!r}:\n{outcome.output}"
    return ""


# -- the workbook's ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["plain", "clang"])
@pytest.mark.parametrize("name", NAMES)
def test_compilers_are_content(name: str, tool: str) -> None:
    """Neither gcc nor clang has a word to say about it."""
    assert "" == experiments.warnings(name, tool)


@pytest.mark.parametrize("name", NAMES)
def test_it_prints_what_is_expected(name: str) -> None:
    """The run that its .expect describes prints these lines and no others."""
    expected = experiments.expected(name)
    assert expected.patterns
    assert "" == mismatch(experiments.run(name, expected.arguments, expected.tool), expected)


def test_chapters_show_experiments_that_are_there() -> None:
    """Every directive is understood, and names an experiment, and functions that are in it."""
    for chapter in CHAPTERS:
        text = chapter.read_text(encoding="utf-8")
        understood = len(RUN.findall(text)) + len(PROGRAM.findall(text))
        assert understood == len(DIRECTIVE.findall(text)), chapter
        for name in RUN.findall(text):
            assert name in NAMES, chapter
        for file, functions in PROGRAM.findall(text):
            path = experiments.source(Path(file).stem)
            assert path.name == file, chapter
            defined = re.findall(
                r"^(?:def )?(\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE
            )
            assert {*functions.split()} <= {*defined}, (chapter, file)


def test_both_languages_show_the_same() -> None:
    """A chapter and its translation run and show the same programs, in the same order."""
    for chapter in sorted((DOCS / "en").glob("*.md")):
        ours = DIRECTIVE.findall(chapter.read_text(encoding="utf-8"))
        theirs = DIRECTIVE.findall((DOCS / "ru" / chapter.name).read_text(encoding="utf-8"))
        assert ours == theirs, chapter.name


def test_every_experiment_is_used() -> None:
    """By a chapter or by a question."""
    used = set()
    for chapter in CHAPTERS:
        text = chapter.read_text(encoding="utf-8")
        used |= {
            *RUN.findall(text),
            *(Path(file).stem for file, _functions in PROGRAM.findall(text)),
        }
    for file in (DOCS / "questions").glob("*.toml"):
        used |= set(NAMED.findall(file.read_text(encoding="utf-8")))
    assert set() == set(NAMES) - used


# -- how they are built and run ------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A directory of experiments."""
    yield tmp_path


def write(home: Path, name: str, body: str, head: str = "") -> None:
    """An experiment that is a main with this body."""
    includes = "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
    (home / f"{name}.c").write_text(
        f"{includes}{head}\nint\nmain(void)\n{{\n{body}\n}}\n", encoding="utf-8"
    )


def test_a_transcript() -> None:
    """The command, and what it prints."""
    assert "$ ./joined\nnumber is 2\nbye\n" == experiments.transcript("joined", directory=SAMPLES)


def test_under_thread_sanitizer(home: Path) -> None:
    """The report stands in the transcript, without colours and without this machine's directories."""
    text = (SAMPLES / "joined.c").read_text(encoding="utf-8")
    text = text.replace("\tpthread_join(thread", "\tnumber++;\n\tpthread_join(thread")
    (home / "raced.c").write_text(text, encoding="utf-8")
    shown = experiments.transcript("raced", (), "tsan", home)
    assert "WARNING: ThreadSanitizer: data race" in shown
    assert re.search(r"#0 run raced\.c:\d+ \(raced\+", shown)
    assert "\x1b" not in shown and str(ROOT) not in shown
    assert shown.endswith("[exit status 66]\n")


def test_statuses_and_signals_are_shown(home: Path) -> None:
    """After the output."""
    write(home, "three", '\tputs("x");\n\treturn 3;')
    write(home, "aborts", '\tputs("x");\n\tabort();')
    assert "$ ./three\nx\n[exit status 3]\n" == experiments.transcript("three", (), "plain", home)
    shown = experiments.transcript("aborts", (), "plain", home)
    assert "$ ./aborts\nx\n[killed by SIGABRT]\n" == shown


def test_python_too(home: Path) -> None:
    """A file in Python is run, with its arguments."""
    (home / "says.py").write_text("import sys\nprint(sys.argv[1])\n", encoding="utf-8")
    assert "$ python3 says.py it\nit\n" == experiments.transcript("says", ["it"], "plain", home)
    assert "" == experiments.warnings("says", "plain", home)


def test_built_once(home: Path) -> None:
    """What is there is not built again; another text is another program."""
    write(home, "one", f'\tputs("{home}");\n\treturn 0;')
    first = experiments.build("one", "plain", home)
    stamp = first.stat().st_mtime_ns
    assert experiments.build("one", "plain", home) == first and first.stat().st_mtime_ns == stamp
    write(home, "one", f'\tputs("not {home}");\n\treturn 0;')
    assert experiments.build("one", "plain", home) != first


def test_the_compilers_words(home: Path) -> None:
    """An experiment that does not compile is trouble, with the first error."""
    write(home, "broken", "\treturn nothing;")
    with pytest.raises(Trouble, match=r"(?s)broken\.c: .*error: .nothing. undeclared"):
        experiments.build("broken", "plain", home)


def test_it_must_end(home: Path) -> None:
    """A program that hangs is ended, with the child that it started."""
    write(home, "hangs", "\tfork();\n\tfor (;;)\n\t\tpause();")
    program = experiments.build("hangs", "plain", home)
    assert boxed.run_program(program, seconds=0.2).ended is None
    assert not [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is(pid)]


def _is(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/exe").endswith("/hangs")
    except OSError:
        return False


def test_it_must_not_flood(home: Path) -> None:
    """More than a person can read is trouble."""
    write(home, "floods", '\tfor (int i = 0; i < 100000; i++)\n\t\tputs("flood");\n\treturn 0;')
    with pytest.raises(Trouble, match="floods prints more than 64 KiB"):
        experiments.run("floods", (), "plain", home)


def test_a_directory_of_its_own(home: Path) -> None:
    """It may write where it runs, and finds nothing of another run there."""
    body = '\tif (access("left", F_OK) == 0)\n\t\treturn 1;\n\treturn !fopen("left", "w");'
    write(home, "writes", body)
    for _time in range(2):
        outcome = experiments.run("writes", (), "plain", home)
        assert outcome.ended and outcome.ended.status == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# tool: valgrind\nx\n", "tool: valgrind"),
        ("# status: many\nx\n", "invalid literal"),
        ("(x\n", "missing \\)"),
        (None, "No such file"),
    ],
)
def test_invalid_expectations(home: Path, text: str | None, why: str) -> None:
    """What stands in .expect is understood, or refused with the file's name."""
    write(home, "any", "\treturn 0;")
    if text is not None:
        (home / "any.expect").write_text(text, encoding="utf-8")
    with pytest.raises(Trouble, match=rf"any\.expect: .*{why}"):
        experiments.expected("any", home)


def test_an_expectation(home: Path) -> None:
    """The head lines, then a pattern a line, empty ones too."""
    write(home, "any", "\treturn 0;")
    text = "# run: -n 3\n# status: 66\n# tool: tsan\na+\n\n# status: 3\n"
    (home / "any.expect").write_text(text, encoding="utf-8")
    assert Expected(("-n", "3"), 66, "tsan", ("a+", "", "# status: 3")) == experiments.expected(
        "any", home
    )


def test_names_of_no_experiment() -> None:
    """A name that is no experiment's, or leads elsewhere."""
    for name in ("nothing", "../experiments/joined", ""):
        with pytest.raises(Trouble, match="there is no experiment"):
            experiments.source(name, SAMPLES)
