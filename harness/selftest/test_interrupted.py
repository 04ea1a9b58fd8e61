"""Ctrl-C, a kill and worse in the middle of a check: no process of the program is left."""

from __future__ import annotations

import os
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM, Signals

import pytest

from commandline import LAB, Command, Ran, hostile, submission, two, verdicts
from labkit.box import sandbox
from labkit.ground import proc, scratch
from labkit.ground.catalog import SOLUTIONS

PROGRAM = "never_listens"  # as it calls itself
WAITS = '#include "/dev/ptmx"\n'  # a terminal at which nobody types
POLITE = (SIGINT, SIGTERM, SIGHUP)
SANDBOXES = ("", "none")


def start(work: Path, *words: str, without: str = "") -> Command:
    """Start a command on a work directory, with a temporary directory of its own."""
    temporary = work / "tmp"
    temporary.mkdir()
    env = {"TMPDIR": str(temporary), "SANDBOX": without}
    return Command([LAB, *words, "--work", work, "--report", work / "report"], env=env)


def must_be_interrupted(command: Command, work: Path) -> Ran:
    """It says so, without a traceback, and leaves neither a process nor a file nor a verdict."""
    ran = command.wait()
    assert (ran.status, ran.left) == (130, ()), ran.words
    assert ran.err.strip() == "lab: interrupted"
    assert list((work / "tmp").iterdir()) == []
    assert not (work / "report" / "02-threaded-echo" / "results.json").exists()
    return ran


@pytest.mark.parametrize("without", SANDBOXES)
@pytest.mark.parametrize("number", POLITE)
def test_a_check_is_interrupted(number: Signals, without: str, tmp_path: Path) -> None:
    """Ctrl-C goes to the whole group, as a terminal sends it; the others to the harness alone."""
    command = start(hostile(tmp_path, PROGRAM), "check", "02", without=without)
    command.wait_for(PROGRAM)
    command.send(number, to_group=number == SIGINT)
    ran = must_be_interrupted(command, tmp_path)
    assert "\N{CHECK MARK}" not in ran.out  # nothing is printed about half a step


def test_an_impatient_person(tmp_path: Path) -> None:
    """Ctrl-C again and again does not keep the harness from cleaning up."""
    command = start(hostile(tmp_path, PROGRAM), "check", "02")
    command.wait_for(PROGRAM)
    for _press in range(20):
        command.send(SIGINT, to_group=True)
    must_be_interrupted(command, tmp_path)


def test_nohup(tmp_path: Path) -> None:
    """A command that was started with a signal ignored goes on when it comes."""
    words: list[str | Path] = ["nohup", LAB, "check", "02", "--step", "3"]
    words += ["--work", SOLUTIONS, "--report", tmp_path]
    command = Command(words)
    command.wait_for("echo_server")
    command.send(SIGHUP)
    ran = command.wait()
    assert (ran.status, ran.left, verdicts(tmp_path)) == (0, (), ["passed"]), ran.words


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_grading_is_interrupted(number: Signals, tmp_path: Path) -> None:
    """The checks that run side by side end with it."""
    command = start(hostile(tmp_path, PROGRAM), "grade")
    command.wait_for(PROGRAM)
    command.send(number, to_group=number == SIGINT)
    must_be_interrupted(command, tmp_path)


@pytest.mark.parametrize("without", SANDBOXES)
def test_a_check_is_killed(without: str, tmp_path: Path) -> None:
    """SIGKILL, or the machine's out-of-memory killer: the program dies with the harness."""
    command = start(hostile(tmp_path, PROGRAM), "check", "02", without=without)
    command.wait_for(PROGRAM)
    command.send(SIGKILL)
    command.process.wait()
    assert command.gone() == []


def test_grading_is_killed(tmp_path: Path) -> None:
    """The same one level up."""
    command = start(hostile(tmp_path, PROGRAM), "grade")
    command.wait_for(PROGRAM)
    command.send(SIGKILL)
    command.process.wait()
    assert command.gone() == []


def test_old_verdicts_do_not_outlive_an_interruption(tmp_path: Path) -> None:
    """Those of labs that were not begun, too: what is in the report is of this run."""
    old = [tmp_path / "report" / name for name in ("01-echo/results.json", "junit.xml")]
    for path in old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of the last run")
    command = start(hostile(tmp_path, PROGRAM), "grade", "--jobs", "1")
    command.wait_for(PROGRAM)
    command.send(SIGTERM)
    must_be_interrupted(command, tmp_path)
    assert [path for path in old if path.exists()] == []


def test_one_of_the_checks_is_killed(tmp_path: Path) -> None:
    """The machine's out-of-memory killer takes one lab's check: an error of that lab, the others are graded."""
    command = start(hostile(tmp_path, PROGRAM), "grade")
    command.wait_for(PROGRAM)
    (check,) = [pid for pid in proc.children(command.process.pid) if two().name in arguments(pid)]
    os.kill(check, SIGKILL)
    ran = command.wait()
    assert (ran.status, ran.left) == (3, ()), ran.words
    assert set(verdicts(tmp_path / "report")) == {"error"}
    assert set(verdicts(tmp_path / "report", "01-echo")) == {"failed", "blocked"}


def arguments(pid: int) -> list[str]:
    """The words that a process was started with."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


@pytest.mark.skipif(not sandbox.available(), reason=f"no sandbox here: {sandbox.refusal()}")
@pytest.mark.parametrize("number", [SIGINT, SIGTERM, SIGKILL])
def test_the_compiler_is_interrupted(number: Signals, tmp_path: Path) -> None:
    """A compiler that waits for ever ends too."""
    command = start(submission(tmp_path, {"echo_server.c": WAITS}), "check", two().number)
    command.wait_for("cc1")
    command.send(number, to_group=number == SIGINT)
    if number == SIGKILL:
        command.process.wait()
        assert command.gone() == []
    else:
        must_be_interrupted(command, tmp_path)


# -- what a killed run left ------------------------------------------------------------------------------


def test_the_next_run_removes_what_a_killed_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL leaves files of its own in the temporary directory; the next command finds that they are nobody's."""
    monkeypatch.setattr(scratch, "FRESH_SECONDS", 0.0)
    command = start(hostile(tmp_path, PROGRAM), "check", "02")
    command.wait_for(PROGRAM)
    places = tmp_path / "tmp"
    scratch.sweep(places)
    assert list(places.iterdir()) != []  # they are the living run's
    command.send(SIGKILL)
    command.process.wait()
    assert command.gone() == []
    scratch.sweep(places)
    assert list(places.iterdir()) == []


def test_nothing_else_is_swept_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what a person calls so, nor a link, nor what is fresh or in use."""
    monkeypatch.setattr(scratch, "FRESH_SECONDS", 0.0)
    (tmp_path / "lab-reports").mkdir()
    (tmp_path / "labkit-scratch-notes").mkdir()
    (tmp_path / "labkit-scratch-abcdefgh").symlink_to(tmp_path / "lab-reports")
    with scratch.directory("out", tmp_path) as used:
        scratch.sweep(tmp_path)
        assert len(list(tmp_path.iterdir())) == 4 and used.is_dir()
    fresh = tmp_path / "labkit-scratch-abcdefg_"
    fresh.mkdir()
    monkeypatch.setattr(scratch, "FRESH_SECONDS", 60.0)
    scratch.sweep(tmp_path)
    assert fresh.is_dir()
    monkeypatch.setattr(scratch, "FRESH_SECONDS", 0.0)
    scratch.sweep(tmp_path)
    assert not fresh.exists()
