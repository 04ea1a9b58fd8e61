"""The report on a hanging program says what each thread waits for, and for which other thread."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.box import sandbox
from labkit.build.build import Builder
from labkit.build.intake import stage
from labkit.ground import proc
from labkit.ground.catalog import Lab
from labkit.ground.pace import Pace
from labkit.hang import hang, threads, waits
from labkit.hang.threads import Thread
from labkit.scene.scene import Scene
from labkit.scene.tools import NATIVELY, UNDER_ASAN, UNDER_HELGRIND, UNDER_TSAN, Shim, Tool
from selftest.recorded import english  # noqa: F401: a fixture

PROGRAMS = Path(__file__).parent / "hang_programs"
LAB = Lab("09", "09-hang", "Hang", "Hang", ("echo_server",), ())
TOOLS = {"tsan": UNDER_TSAN, "asan": UNDER_ASAN}
WAIT_SECONDS = 20.0

DEADLOCK = """\
the main thread waits in pthread_join for thread 2, called from main at echo_server.c:64: \
`pthread_join(clerk, NULL);`
thread 2 waits for the mutex journal in pthread_mutex_lock, called from deposit at echo_server.c:23; \
it is held by thread 3; these two wait for each other (deadlock)
    clerk_main (echo_server.c:43) -> deposit (echo_server.c:23) -> pthread_mutex_lock
thread 3 waits for the mutex accounts.lock in pthread_mutex_lock, called from audit at \
echo_server.c:34; it is held by thread 2; these two wait for each other (deadlock)
    auditor_main (echo_server.c:50) -> audit (echo_server.c:34) -> pthread_mutex_lock"""


class Stage:
    """Starts the programs of `hang_programs`, each as a lab's echo_server."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.sources = directory / "sources"
        self.scenes: list[Scene] = []
        self.alone: list[subprocess.Popen[bytes]] = []

    def builder(self, program: str) -> Builder:
        work = self.directory / "work"
        (work / LAB.name).mkdir(parents=True)
        shutil.copy(PROGRAMS / f"{program}.c", work / LAB.name / "echo_server.c")
        return Builder(LAB, stage(LAB, work, self.sources))

    def start(
        self, program: str, *arguments: str, tool: Tool = NATIVELY, shim: Shim | None = None
    ) -> int:
        """Start it as a check does; returns its id as seen from here."""
        scene = Scene(self.builder(program), Pace(), 1, self.directory)
        self.scenes.append(scene)
        running = scene.start("echo_server", *arguments, tool=tool, shim=shim, stdin="pipe")
        assert running.eventually(lambda: running.pid > 0, 5.0)
        return running.pid

    def start_alone(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start it without any sandbox, as our own child."""
        built = self.builder(program).build("echo_server")
        self.alone.append(subprocess.Popen([built.program, *arguments], stdin=subprocess.PIPE))
        return self.alone[-1]

    def told(self, pid: int, *awaited: str) -> str:
        """The report on a program, once it has come so far that the report has all the awaited words."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            told = hang.describe(pid, self.sources)
            if all(words in told for words in awaited) or time.monotonic() > deadline:
                assert [words for words in awaited if words not in told] == [], told
                return told

    def close(self) -> None:
        for scene in self.scenes:
            scene.close()
        for process in self.alone:
            process.kill()
            process.communicate()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    """Where programs are started; nothing is left of them."""
    place = Stage(tmp_path)
    yield place
    place.close()


def test_a_deadlock_names_both_threads_and_both_locks(place: Stage) -> None:
    assert DEADLOCK == place.told(place.start("lock_order"), "(deadlock)", "for thread 2")


def test_a_program_without_a_sandbox_is_told_the_same(place: Stage) -> None:
    assert DEADLOCK == place.told(place.start_alone("lock_order").pid, "(deadlock)", "for thread 2")


@pytest.mark.parametrize("tool", TOOLS)
def test_sanitizers_do_not_show(place: Stage, tool: str) -> None:
    """Neither their frames nor their threads; they may shift the numbers, and the lines of calls."""
    told = place.told(place.start("lock_order", tool=TOOLS[tool]), "(deadlock)", "for thread")
    assert 5 == len(told.splitlines()), told
    assert "waits for the mutex journal in pthread_mutex_lock, called from deposit at" in told


def test_the_shim_does_not_show(place: Stage) -> None:
    told = place.told(place.start("lock_order", shim=Shim(seed=3)), "(deadlock)", "for thread 2")
    assert DEADLOCK == told


def test_a_lock_taken_twice_is_named_as_its_line_has_it(place: Stage) -> None:
    told = place.told(place.start("relock"), "self-deadlock")
    assert told.splitlines()[1:] == [
        "thread 2 waits for the mutex room->lock in pthread_mutex_lock, called from room_guests at "
        "echo_server.c:20; it is held by this thread itself, which waits for ever (self-deadlock)",
        "    guest_main (echo_server.c:32) -> room_guests (echo_server.c:20) -> pthread_mutex_lock",
    ]


def test_a_missing_unlock_of_an_ended_thread_is_told(place: Stage) -> None:
    told = place.told(
        place.start("missing_unlock"), "the main thread waits for the mutex", "2 threads"
    )
    assert told.splitlines() == [
        f"{who} for the mutex lock in pthread_mutex_lock, called from {where}; "
        "it is held by a thread that has ended: a missing unlock"
        for who, where in (
            ("the main thread waits", "main at echo_server.c:43"),
            ("2 threads wait", "adder_main at echo_server.c:26"),
        )
    ]


def test_a_circle_of_three_and_an_invalid_lock(place: Stage) -> None:
    told = place.told(place.start("philosophers"), "the mutex garbage", "forks[2]", "in a circle")
    assert told.count("; 3 threads wait for each other in a circle (deadlock)") == 3
    assert (
        "no thread holds it: never initialised, destroyed, or overwritten" in told.splitlines()[0]
    )
    assert "thread 4 waits for the mutex forks[0] in pthread_mutex_lock" in told


def test_other_ways_to_wait(place: Stage) -> None:
    told = place.told(
        place.start_alone("others").pid,
        "waits for the read-write lock table in pthread_rwlock_rdlock",
        "waits for the mutex lock in pthread_cond_wait",
        "it holds the mutex lock",
        "it holds the read-write lock table",
        "the main thread waits in pthread_join for thread 6",
    )
    assert "thread 6 runs, in spinner_main at echo_server.c:" in told


def test_threads_in_the_same_place_are_counted(place: Stage) -> None:
    told = place.told(
        place.start("receivers"), "3 threads", "the main thread waits in read", "send"
    )
    assert (
        "3 threads wait in recv, called from echo at echo_server.c:23: "
        "`while ((n = recv(fd, portion, sizeof(portion), 0)) > 0)`"
    ) in told
    assert (
        "thread 5 waits in send in net_send_all, called from sender_main at echo_server.c" in told
    )


def test_fifty_threads_are_told_within_a_second_and_run_on(place: Stage) -> None:
    program = place.start_alone("receivers", "50")
    place.told(program.pid, "50 threads wait in recv", "read", "send")
    took = []
    for _attempt in range(3):
        began = time.monotonic()
        hang.describe(program.pid, place.sources)
        took.append(time.monotonic() - began)
    assert min(took) < 1.0
    assert proc.state(program.pid) == "S"
    program.communicate()
    assert program.returncode == 0
    assert "" == hang.describe(program.pid, place.sources)


@pytest.mark.parametrize("program", ["lock_order", "receivers"])
def test_without_gdb_the_kernel_is_asked(
    place: Stage, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = place.start_alone(program).pid
    monkeypatch.setenv("PATH", str(place.directory))
    wanted = {
        "lock_order": (
            "thread 3 waits for a mutex; it is held by thread 2; these two",
            "the main thread waits for thread 2 to end",
        ),
        "receivers": ("3 threads wait in the system call recv", "system call read", "call send"),
    }
    told = place.told(pid, *wanted[program])
    assert told.startswith("stacks are missing here (gdb is not installed):\n")


def test_a_gdb_that_may_not_attach_is_told(place: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = place.start_alone("lock_order").pid
    gdb = place.directory / "gdb"
    gdb.write_text(
        "#!/bin/sh\necho ptrace: Operation not permitted. >&2\nexit 1\n", encoding="ascii"
    )
    gdb.chmod(0o755)
    monkeypatch.setenv("PATH", str(place.directory))
    told = place.told(pid, "thread 3 waits for a mutex; it is held by thread 2")
    assert told.startswith("stacks are missing here (gdb may not look into the program):\n")


def test_helgrind_leaves_what_the_kernel_says(place: Stage) -> None:
    told = place.told(place.start("lock_order", tool=UNDER_HELGRIND), "thread 3", "(deadlock)")
    assert told.startswith("stacks are missing here (the program runs inside valgrind):\n")


def test_a_gdb_that_hangs_is_ended_and_leaves_nothing_stopped(
    place: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A gdb that is killed just after it has stopped the program."""
    script = tmp_path / "endless.py"
    script.write_text("while True:\n    pass\n", encoding="ascii")
    program = place.start_alone("receivers")
    place.told(program.pid, "3 threads wait in recv", "read", "send")
    monkeypatch.setattr(threads, "SCRIPT", script)
    told = hang.describe(program.pid, place.sources, 0.5)
    assert (
        "gdb did not come to an end: it used" in told
        and "3 threads wait in the system call recv" in told
    )
    program.communicate(timeout=10)
    assert program.returncode == 0


def test_a_program_that_a_signal_has_stopped_stays_so(place: Stage) -> None:
    program = place.start_alone("receivers")
    place.told(program.pid, "3 threads wait in recv")
    program.send_signal(signal.SIGSTOP)
    os.waitpid(program.pid, os.WUNTRACED)
    told = place.told(program.pid, "a signal has stopped the program")
    assert "3 threads" in told and proc.state(program.pid) == "T"


@pytest.mark.parametrize("boxed", [False, True], ids=["alone", "boxed"])
def test_an_ended_main_thread_is_no_ended_program(place: Stage, boxed: bool) -> None:
    """gdb cannot attach to a process whose main thread has ended: it is shown each of the others."""
    if boxed:
        pid = place.start("others", "main ends")
    else:
        pid = place.start_alone("others", "main ends").pid
    told = place.told(
        pid,
        "thread 6 runs, in spinner_main",
        "thread 3 waits for the read-write lock table in pthread_rwlock_rdlock, called from reader_main",
        "thread 4 waits for the mutex lock in pthread_cond_wait, called from waiter_main",
    )
    assert told.splitlines()[0] == "the main thread has ended, the others go on"
    assert "stacks are missing" not in told


@pytest.mark.parametrize("tool", [UNDER_TSAN, UNDER_ASAN], ids=lambda tool: tool.name)
def test_an_ended_main_thread_under_a_sanitizer(place: Stage, tool: Tool) -> None:
    told = place.told(
        place.start("others", "main ends", tool=tool),
        "waits for the read-write lock table in pthread_rwlock_rdlock, called from reader_main",
    )
    assert told.splitlines()[0] == "the main thread has ended, the others go on"


def test_what_is_not_there_is_not_told(tmp_path: Path) -> None:
    assert "" == hang.describe(0, tmp_path)
    assert "" == hang.describe(1 << 30, tmp_path)


def test_missing_sources_cost_only_their_lines(place: Stage, tmp_path: Path) -> None:
    pid = place.start("lock_order")
    place.told(pid, "(deadlock)", "for thread 2")
    told = hang.describe(pid, tmp_path / "nowhere")
    assert told == DEADLOCK.replace(": `pthread_join(clerk, NULL);`", "")


# As the C library waits for a thread's end, see futex(2).
FUTEX_WAIT_BITSET, FUTEX_CLOCK_REALTIME = 9, 256
JOINED = 0x7F00_0000_1000  # a thread pointer


@pytest.mark.parametrize(
    ("value", "pointers", "joined"),
    [
        (3, (JOINED + (8 << 20), JOINED), 3),  # glibc 2.42 and older: the word is the thread's id
        (2, (JOINED + (8 << 20), JOINED), 3),  # glibc 2.43: it is a state, which says nothing
        (2, (0, JOINED), 3),
        (3, (0, 0), 3),  # without gdb
        (2, (0, 0), None),
    ],
)
def test_whom_a_join_waits_for(
    tmp_path: Path, value: int, pointers: tuple[int, int], joined: int | None
) -> None:
    """The place of the futex word decides; its value only where that can't be a state."""
    arguments = (JOINED + 720, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, value)
    everybody = [
        Thread(1, 102, 2, waits.FUTEX, arguments, pointer=pointers[0]),
        Thread(2, 103, 3, "recv", pointer=pointers[1]),
    ]
    (main, _other) = waits.of(everybody, tmp_path)
    assert (main.on.inner if main.on else None) == joined


@pytest.mark.skipif(not sandbox.available(), reason=sandbox.refusal())
def test_the_sandbox_was_really_there(place: Stage) -> None:
    """The program's own process id is another than ours for it, or the tests above say too little."""
    pid = place.start("lock_order")
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    assert len(status.partition("NSpid:")[2].partition("\n")[0].split()) > 1
