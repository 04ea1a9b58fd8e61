"""What a student begins with, as programs: it compiles, does no harm, earns nothing, and says what is to be written.

How it is made of the reference: test_made_starters.py.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from commandline import LAB, Command, entries, lab
from labkit.build import starters
from labkit.build.build import ASAN, CLANG, PLAIN, Builder, Flavour
from labkit.build.intake import stage
from labkit.causes import table as causes
from labkit.ground.catalog import LABS, SOLUTIONS, Lab, all_labs, find
from labkit.ground.pace import Pace

NAMES = [one.name for one in all_labs()]
FIRST_FAILURE_SECONDS = 3.0
SCREENS = 80  # lines: what a first failure may take
EARLY = [
    ("05-chat", 1),
    ("05-chat", 2),
    ("05-chat", 3),
]  # steps with TODOs of their own, before the last such


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
        assert verdict == "blocked" or cause in causes.names()


@pytest.mark.parametrize("name", NAMES)
def test_its_first_failure_is_a_next_step(name: str, tmp_path: Path) -> None:
    """Within seconds it says what is to be written, why, how to see it, and where to read on."""
    paces, seconds = [Pace().factor()], []
    for _try in range(3):  # the load may change in the middle of one
        seconds.append(Command([LAB, "check", name, "--report", tmp_path]).wait().seconds)
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
    shutil.copytree(SOLUTIONS / name, home)
    for gap in starters.gaps(name):
        if min(gap.steps) > number:
            path = home / gap.file
            path.write_text(starters.with_gap(path.read_text("utf-8"), gap), encoding="utf-8")
    options = ("--step", str(number), "--work", home.parent, "--report", tmp_path / "report")
    ran = lab("check", name, *options)
    assert ran.status == 0, ran.words
