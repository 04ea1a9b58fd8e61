"""Hostile programs: for each the report says what it did, in time, and nothing of it goes on running."""

from __future__ import annotations

import csv
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from commandline import (
    HOSTILE,
    Command,
    cause,
    hostile,
    judged,
    reference,
    step_one,
    submission,
    two,
)
from labkit.box import sandbox
from labkit.box.stream import Ended
from labkit.ground import usage
from labkit.ground.budget import NICE, Budget, of
from labkit.ground.catalog import HARNESS, SOLUTIONS, all_labs
from labkit.scene.running import of_end

NAME = two().name
ANSWER = SOLUTIONS / NAME / "echo_server.c"
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
    *(Hostile("forges", "never-listens", ("exit status 0",), f"FORM {n}") for n in range(8)),
    *(Hostile("escapes", "never-listens", ("exit status 1",), f"KIND {n}") for n in range(5)),
    Hostile("squats", "never-listens", ("took ",)),
    Hostile("grows", "does-not-compile", ()),
    Hostile("includes", "does-not-compile", (), "WHAT __FILE__"),
    Hostile("includes", "does-not-compile", (), f'WHAT "{ANSWER}"'),
)
IN_A_SANDBOX = (
    Hostile("kills", "crash", ("killed by SIGKILL",)),
    Hostile("fills_disk", "flood", ("wrote more than 512 MiB into files",)),
    Hostile("fills_disk", "flood", ("wrote more than 512 MiB into files",), "MANY 1"),
    Hostile("fills_disk", "flood", ("wrote more than 512 MiB into files",), "DELETED 1"),
    Hostile("kills", "never-listens", (), "NUMBER SIGSTOP"),
    Hostile("leaves", "never-listens", ("ended instead of listening: exit status 0",)),
    Hostile("leaves", "ended-early or never-listens", (), "LISTENS 1", step=2),
    Hostile("leaves", "never-listens", (), "HOPS 1"),
    Hostile("asks_kernel", "never-listens", ("asked for all",)),
    Hostile("writes_far", "our-limit", ("SIGXFSZ ended it",)),
    Hostile("fork_bomb", "forks", ("started more than 64 processes",)),
)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_a_hostile_program(program: Hostile, tmp_path: Path) -> None:
    """The report on each says what it did, in time; it was given nothing and leaves nothing."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    work = hostile(tmp_path, program.program, program.define)
    ran = step_one(work, "--step", str(program.step), env={"TMPDIR": str(temporary)})
    assert cause(tmp_path) in program.cause.split(" or "), ran.out
    assert [words for words in program.words if words not in ran.out] == [], ran.out
    assert given(ran.out) == [] and list(temporary.iterdir()) == []


def given(out: str) -> list[str]:
    """What a program said that it was given, of what it must not have."""
    return [line for line in out.splitlines() if re.match(r"\s*got [^(]", line)]


# Beside 5,000 threads nothing can be judged.
CROWD = Hostile("starts_threads", "too-many-threads", ("has more than 5000 threads",))


@needs_sandbox
@pytest.mark.alone
def test_a_hostile_crowd(tmp_path: Path) -> None:
    """It is ended at its bound."""
    test_a_hostile_program(CROWD, tmp_path)


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
    assert given(ran.out)[:1] == []
    assert "all else works" in ran.out


def secrets(work: Path) -> dict[str, list[Path]]:
    """Files that are no program's business, by what they are: each of them is there."""
    other = submission(work / "other", {"echo_server.c": "int main(void) { return 0; }\n"})
    answers = [ANSWER, HARNESS / "checks" / "cpu.toml"]
    others = [other / NAME / "echo_server.c", work / NAME / "results.json"]
    users = [Path("/etc/passwd"), Path("/etc/group")]
    return {"answers": answers, "others": others, "the machine's": users}


@needs_sandbox
@pytest.mark.parametrize("what", ["answers", "others", "the machine's"])
def test_a_program_that_looks_around(what: str, tmp_path: Path) -> None:
    """It sees no answers and checks, nothing of another student, not its own results, nothing of the machine's users."""
    work = hostile(tmp_path, "never_listens")
    step_one(work)  # so that there are results
    places = secrets(tmp_path)[what]
    assert [path for path in places if not path.is_file()] == []
    text = (HOSTILE / "looks.c").read_text(encoding="utf-8")
    names = ", ".join(f'"{path}"' for path in places)
    (work / NAME / "echo_server.c").write_text(f"#define PLACES {names}\n{text}")
    ran = step_one(work)
    assert given(ran.out) == [] and "looked at all places" in ran.out


@needs_sandbox
def test_a_program_that_calls_others(tmp_path: Path) -> None:
    """Neither another machine nor a listener on this one can be reached, by number or by name."""
    name = f"labkit-hostile-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as outside, socket.socket(socket.AF_UNIX) as named:
        named.bind(f"\0{name}")
        named.listen()
        define = f'PORT {outside.getsockname()[1]}\n#define NAME "{name}"'
        ran = step_one(hostile(tmp_path, "connects", define))
        assert given(ran.out) == [] and "called everybody" in ran.out
        for listener in (outside, named):
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()


@needs_sandbox
def test_what_outlives_a_process_is_gone(tmp_path: Path) -> None:
    """Shared memory, queues and semaphores are those of its own namespace."""
    key = 0x1AB00000 + os.getpid()
    ran = step_one(hostile(tmp_path, "leaves_ipc", f"KEY {key}"))
    assert [f"{what} 1" in ran.out for what in ("memory", "queue", "semaphores")] == [True] * 3
    tables = [Path(f"/proc/sysvipc/{kind}").read_text("ascii") for kind in ("shm", "msg", "sem")]
    assert str(key) not in "".join(tables) and not Path("/dev/shm/labkit-hostile").exists()


@needs_sandbox
def test_hostile_students_harm_no_other(tmp_path: Path) -> None:
    """In a class they get no point, whatever results they forge, and the one who did the work gets all of them."""
    for who, (program, define) in {
        "forger": ("forges", "FORM 0"),
        "killer": ("kills", ""),
        "daemon": ("leaves", ""),
    }.items():
        hostile(tmp_path / "class" / who, program, define)
    reference(tmp_path / "class" / "honest")
    words = ["class", tmp_path / "class", "--into", tmp_path / "into", "--lab", "02", "--step", "1"]
    ran = judged(*words)
    assert (ran.status, ran.left) == (0, ()), ran.words
    with (tmp_path / "into" / "grades.csv").open(encoding="utf-8", newline="") as file:
        points = {row["student"]: row[NAME] for row in csv.DictReader(file)}
    full = str(two().step(1).points)
    assert points == {"forger": "0", "killer": "0", "daemon": "0", "honest": full}
    assert list((tmp_path / "into" / "running").iterdir()) == []


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
