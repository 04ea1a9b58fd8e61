"""Hostile programs: for each the report says what it did, in time, and nothing of it goes on running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from commandline import HOSTILE, Command, cause, hostile, step_one, submission, two
from labkit.box import sandbox
from labkit.box.stream import Ended
from labkit.ground import usage
from labkit.ground.budget import NICE, Budget, of
from labkit.ground.catalog import all_labs
from labkit.scene.running import of_end

NAME = two().name
needs_sandbox = pytest.mark.skipif(
    not sandbox.available(), reason=f"no sandbox here: {sandbox.refusal()}"
)


@dataclass(frozen=True)
class Hostile:
    """A program of hostile/, the cause that must be named (or one of several) and the words that must be said."""

    program: str
    cause: str
    words: tuple[str, ...]
    define: str = ""
    step: int = 1

    def __str__(self) -> str:
        return " ".join([self.program, *self.define.split()])


PROGRAMS = (
    Hostile("never_listens", "never-listens", ("runs but listens on no TCP port",)),
    Hostile("stops_itself", "never-listens", ("runs but listens on no TCP port",)),
    Hostile("ends_at_once", "never-listens", ("ended instead of listening: exit status 0",)),
    Hostile("crashes_at_once", "bad-pointer or crash", ("killed by SIGSEGV",)),
    Hostile(
        "prints_garbage", "never-listens", (r"\x1b[2J\x1b]0;owned\x07", r"\x202edesrever\x9bK")
    ),
    Hostile("floods", "flood", ("printed more than 16 MiB on stdout",), "FLOODED 1"),
    Hostile("floods", "flood", ("printed more than 16 MiB on stderr",), "FLOODED 2"),
    Hostile("forks", "ended-early", ("while it was still needed: exit status 0",), step=2),
    Hostile("closes_output", "wrong-address", ("does not listen at the address given",)),
    Hostile(
        "resets_at_once", "resets-clients or lost-client", ("Connection reset by peer",), step=2
    ),
)
IN_A_SANDBOX = (
    Hostile("kills", "crash", ("killed by SIGKILL",)),
    Hostile("fills_disk", "flood", ("wrote more than 512 MiB into files",)),
    Hostile("fills_disk", "flood", ("wrote more than 512 MiB into files",), "MANY 1"),
    Hostile("writes_far", "our-limit", ("SIGXFSZ ended it",)),
    Hostile("fork_bomb", "forks", ("started more than 64 processes",)),
    Hostile("starts_threads", "too-many-threads", ("has more than 5000 threads",)),
)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_a_hostile_program(program: Hostile, tmp_path: Path) -> None:
    """The report on each says what it did, in time."""
    work = hostile(tmp_path, program.program, program.define)
    ran = step_one(work, "--step", str(program.step))
    assert cause(tmp_path) in program.cause.split(" or ")
    assert [words for words in program.words if words not in ran.out] == []


@needs_sandbox
@pytest.mark.parametrize("program", IN_A_SANDBOX, ids=str)
def test_a_very_hostile_program(program: Hostile, tmp_path: Path) -> None:
    """These would harm a machine that doesn't lock them up."""
    test_a_hostile_program(program, tmp_path)


WITHOUT = [p for p in PROGRAMS if p.program in ("never_listens", "crashes_at_once", "forks")]


@pytest.mark.parametrize("program", WITHOUT, ids=str)
def test_a_hostile_program_without_a_sandbox(program: Hostile, tmp_path: Path) -> None:
    """The same holds where there are no namespaces, and the report says that there are none."""
    work = hostile(tmp_path, program.program)
    ran = step_one(work, "--step", str(program.step), env={"SANDBOX": "none"})
    assert cause(tmp_path) in program.cause.split(" or ")
    assert sandbox.UNSANDBOXED in ran.out


@needs_sandbox
def test_a_program_that_wants_to_break_out(tmp_path: Path) -> None:
    """No namespaces and no other sockets are to be had; threads, processes and sockets of the labs are."""
    ran = step_one(hostile(tmp_path, "breaks_out"))
    assert [line for line in ran.out.splitlines() if line.strip().startswith("got ")][:1] == []
    assert "all else works" in ran.out


@needs_sandbox
def test_a_program_that_writes_everywhere(tmp_path: Path) -> None:
    """It can write in its own directory, in its log and in a /tmp of its own, and nowhere else."""
    ran = step_one(hostile(tmp_path, "writes_everywhere"))
    wrote = {line.strip() for line in ran.out.splitlines() if line.strip().startswith("wrote ")}
    assert wrote == {"wrote /log/hostile", "wrote /tmp/hostile", "wrote /here/hostile"}
    assert not Path("/tmp/hostile").exists()
    assert sorted(path.name for path in (tmp_path / NAME).iterdir()) == [
        "echo_server.c",
        "hostile.h",
        "junit.xml",
        "results.json",
    ]


def test_a_program_that_digs(tmp_path: Path) -> None:
    """However deep its directories are, none is left, and it gets its verdict; which, depends on how deep it came."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    step_one(hostile(tmp_path, "digs"), env={"TMPDIR": str(temporary)})
    assert cause(tmp_path) in ("never-listens", "flood")
    assert list(temporary.iterdir()) == []


def test_memory_runs_out_for_the_program_first(tmp_path: Path) -> None:
    """The kernel ends the program, and not the harness, where the machine has no memory left: proc(5)."""
    source = '#include "hostile.h"\nint\nmain(void)\n{\n\tint adjustment = 0;\n'
    source += '\tFILE *file = fopen("/proc/self/oom_score_adj", "r");\n\n'
    source += '\tif (!file || fscanf(file, "%d", &adjustment) != 1)\n\t\treturn 2;\n'
    source += '\tfprintf(stderr, "adjusted by %d\\n", adjustment);\n\treturn 1;\n}\n'
    header = (HOSTILE / "hostile.h").read_bytes()
    submission(tmp_path, {"echo_server.c": source, "hostile.h": header})
    assert "adjusted by 1000" in step_one(tmp_path).out


SMALL_BUDGET = (
    "import sys; from labkit import cli; from labkit.ground import budget; budget.LEAST_SECONDS, budget.TIMES = 2.0, 0;"
    " sys.exit(cli.main(sys.argv[1:]))"
)


@pytest.mark.parametrize("define", ["", "PROCESSES 1"])
def test_a_program_that_burns_the_cpu(define: str, tmp_path: Path) -> None:
    """The report says how much it used, and how much the reference needs; that is no crash. Its children count."""
    work = hostile(tmp_path, "spins", define)
    words: list[str | Path] = [sys.executable, "-c", SMALL_BUDGET, "check", "02", "--step", "2"]
    ran = Command([*words, "--work", work, "--report", tmp_path]).wait()
    assert (ran.status, ran.left, cause(tmp_path)) == (1, (), "cpu-budget"), ran.words
    assert re.search(r"it used [2-5] s of CPU time, where the reference needs 0\.\d s", ran.out)


@needs_sandbox
def test_a_program_that_burns_the_cpu_unseen(tmp_path: Path) -> None:
    """Where nobody looks in time, the kernel's limit ends it; the report does not take that for a crash, either."""
    assert of_end(Ended(152, "SIGXCPU")) == "cpu-budget"
    limited = sandbox.command(
        ["/bin/sh", "-c", "while :; do :; done"],
        sandbox.View(tmp_path),
        limits=sandbox.Limits(cpu=1),
    )
    done = subprocess.run(limited, cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == 128 + signal.SIGXCPU


def test_who_burns_the_cpu_stands_back(tmp_path: Path) -> None:
    """Past a part of its budget all its threads let others go first; before that, none does."""
    budget = Budget(0.1)
    assert not budget.stands_back(budget.most / 5) and budget.stands_back(budget.most / 3)
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        usage.be_nice([sleeper.pid], NICE)
        assert os.getpriority(os.PRIO_PROCESS, sleeper.pid) == NICE
        sleeper.kill()


def test_every_step_has_its_need_of_cpu() -> None:
    """So that the message about a program that burns the CPU is true of the step."""
    assert all(0 < of(lab, step.number).needs < 10 for lab in all_labs() for step in lab.steps)
