"""What a student begins with: it compiles, does no harm, earns nothing, and differs from the solution in gaps only."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from commandline import entries, lab
from labkit import symptoms
from labkit.build import ASAN, CLANG, PLAIN, Builder, Flavour
from labkit.catalog import LABS, SOLUTIONS, Lab, all_labs, find, tomllib
from labkit.intake import stage
from labkit.pace import Pace

NAMES = [one.name for one in all_labs()]
FIRST_FAILURE_SECONDS = 3.0
SCREENS = 80  # lines: what a first failure may take
EARLY = [
    ("05-chat", 1),
    ("05-chat", 2),
    ("05-chat", 3),
]  # steps with TODOs of their own, before the last such
TODO = re.compile(r"TODO (\d+):")


# -- starter and solution --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """A C file in the project's form. outline: all but the gaps; bodies: of all functions, by name."""

    outline: tuple[str, ...]
    bodies: dict[str, str]


def read(path: Path, gaps: set[str] | None = None) -> Source:
    """Take a file apart. gaps: functions whose body is left out; None: those with a TODO in it.

    A body stands between lines that hold a brace and nothing else; the function's name begins a line before.
    """
    outline: list[str] = []
    bodies: dict[str, str] = {}
    body: list[str] | None = None
    name = ""
    for line in path.read_text(encoding="utf-8").split("\n"):
        named = re.match(r"(\w+)\(", line)
        name = named[1] if named and body is None else name
        if line == "{" and body is None:
            body = []
        elif line == "}" and body is not None:
            bodies[name], body = "\n".join(body), None
            gap = TODO.search(bodies[name]) if gaps is None else name in gaps
            outline += [f"<the body of {name}>"] if gap else bodies[name].split("\n")
        elif body is not None:
            body.append(line)
        else:
            outline.append(line)
    return Source(tuple(outline), bodies)


def gaps_of(source: Source) -> dict[str, set[int]]:
    """The numbers of the TODOs in each function that has some."""
    found = {name: set(map(int, TODO.findall(body))) for name, body in source.bodies.items()}
    return {name: numbers for name, numbers in found.items() if numbers}


def pairs(name: str) -> list[tuple[Path, Path]]:
    """A lab's C files and their solutions."""
    sources = sorted((LABS / name).glob("*.[ch]"))
    return [(path, SOLUTIONS / name / path.name) for path in sources]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_files(name: str) -> None:
    """The solution has the starter's sources and no others."""
    assert [solution for _starter, solution in pairs(name)] == sorted(
        (SOLUTIONS / name).glob("*.[ch]")
    )


@pytest.mark.parametrize("name", NAMES)
def test_they_differ_in_gaps_only(name: str) -> None:
    """Letter for letter the same but for the bodies of functions with a TODO; all of those are written."""
    for starter, solution in pairs(name):
        given = read(starter)
        complete = read(solution, set(gaps_of(given)))
        assert given.outline == complete.outline
        assert "TODO" not in solution.read_text(encoding="utf-8")
        for function in gaps_of(given):
            assert given.bodies[function] != complete.bodies[function]


@pytest.mark.parametrize("name", NAMES)
def test_every_gap_has_a_contract(name: str) -> None:
    """Above each gap a comment says what the function is to do."""
    for starter, _solution in pairs(name):
        lines = read(starter).outline
        for place in [i for i, line in enumerate(lines) if line.startswith("<the body of")]:
            head = max(i for i in range(place) if lines[i].endswith("*/") or not lines[i])
            assert lines[head].endswith("*/"), lines[head:place]


@pytest.mark.parametrize("name", NAMES)
def test_the_todos_are_those_of_the_steps(name: str) -> None:
    """lab.toml names for each step the functions with a TODO of its number, and no others."""
    table = tomllib.loads((LABS / name / "lab.toml").read_text(encoding="utf-8"))
    announced = {(step["number"], gap) for step in table["step"] for gap in step["todo"]}
    found = {
        (number, f"{starter.name}:{function}")
        for starter, _solution in pairs(name)
        for function, numbers in gaps_of(read(starter)).items()
        for number in numbers
    }
    assert found == announced


# -- starters as programs --------------------------------------------------------------------------------


def builder(one: Lab, into: Path) -> Builder:
    """What builds a lab's starter."""
    return Builder(one, stage(one, LABS, into))


@pytest.mark.parametrize("flavour", [PLAIN, CLANG, ASAN], ids=lambda flavour: flavour.name)
@pytest.mark.parametrize("name", NAMES)
def test_it_compiles(name: str, flavour: Flavour, tmp_path: Path) -> None:
    """Without a warning, whatever gaps are still open."""
    build = builder(find(name), tmp_path)
    for program in find(name).programs:
        assert build.build(program, flavour).warnings == ""


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_harmlessly(name: str, tmp_path: Path) -> None:
    """The usage is there; run without arguments, it says little, ends or can be ended, and does not crash."""
    build = builder(find(name), tmp_path)
    for program in find(name).programs:
        binary = build.build(program).program
        usage = subprocess.run([binary, "-h"], capture_output=True, text=True, timeout=20)
        assert usage.returncode == 0 and "usage" in usage.stdout.lower()
        with subprocess.Popen(
            [binary, "-p", "0"],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as running:
            try:
                said, _nothing = running.communicate(timeout=0.5)
            except subprocess.TimeoutExpired:
                running.terminate()
                said, _nothing = running.communicate(timeout=20)
        assert running.returncode in (0, 1, 2, -signal.SIGTERM), said
        assert said.count(b"\n") <= 6 and b"runtime error" not in said


@pytest.mark.parametrize("name", NAMES)
def test_it_earns_nothing(name: str, tmp_path: Path) -> None:
    """Graded with all its steps: each is failed, for a cause with a name, or blocked; none is an error."""
    ran = lab("check", name, "--all", "--report", tmp_path)
    assert (ran.status, ran.left) == (1, ()), ran.words
    for entry in entries(tmp_path, name):
        verdict, cause = entry["extra_data"]["verdict"], entry["extra_data"]["cause"]
        assert (entry["score"], verdict) in ((0, "failed"), (0, "blocked")), entry["output"]
        assert verdict == "blocked" or cause in symptoms.TABLE


@pytest.mark.parametrize("name", NAMES)
def test_its_first_failure_is_a_next_step(name: str, tmp_path: Path) -> None:
    """Within seconds it says what is to be written, why, how to see it, and where to read on."""
    paces, seconds = [Pace().factor()], []
    for _try in range(3):  # the load may change in the middle of one
        seconds.append(lab("check", name, "--report", tmp_path).seconds)
        paces.append(Pace().factor())
        if seconds[-1] < FIRST_FAILURE_SECONDS * max(paces):
            break
    assert min(seconds) < FIRST_FAILURE_SECONDS * max(paces)
    first, *later = entries(tmp_path, name)
    assert first["extra_data"]["verdict"] == "failed"
    assert {entry["extra_data"]["verdict"] for entry in later} == {"blocked"}
    words = first["output"]
    assert "Still to be written: TODO 1 (" in words
    for part in (
        "What happened: ",
        "Likely cause: ",
        "See it by hand:",
        f"Read: labs/{name}/README",
    ):
        assert part in words
    assert len(words.splitlines()) <= SCREENS and "Traceback" not in words


@pytest.mark.parametrize("name, number", EARLY)
def test_a_step_is_passed_by_its_own_todos(name: str, number: int, tmp_path: Path) -> None:
    """A student who has written the TODOs up to a step, and none of a later one, passes that step."""
    home = tmp_path / "work" / name
    shutil.copytree(LABS / name, home)
    for starter, solution in pairs(name):
        text = starter.read_text(encoding="utf-8")
        gaps, written = read(starter).bodies, read(solution).bodies
        for function, numbers in gaps_of(read(starter)).items():
            if min(numbers) <= number:
                text = text.replace(gaps[function], written[function], 1)
        (home / starter.name).write_text(text, encoding="utf-8")
    options = ("--step", str(number), "--work", home.parent, "--report", tmp_path / "report")
    ran = lab("check", name, *options)
    assert ran.status == 0, ran.words
