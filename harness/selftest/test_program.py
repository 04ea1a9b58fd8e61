"""A running program: its output, its end, its bounds, and that nothing of it is left, with and without a sandbox."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commandline import HOSTILE, PR_SET_CHILD_SUBREAPER
from labkit.box import program, sandbox
from labkit.box.program import Program
from labkit.box.stream import Ended
from labkit.ground import pace, proc
from labkit.ground.faults import Trouble
from labkit.ground.journal import Journal
from labkit.ground.pace import Deadline, Pace

Start = Callable[..., Program]
LONG = "sleep 1000"
BOXES = [
    pytest.param(
        True,
        id="sandbox",
        marks=pytest.mark.skipif(not sandbox.available(), reason=f"{sandbox.refusal()}"),
    ),
    pytest.param(False, id="none"),
]


def soon(seconds: float = 10.0) -> Deadline:
    """A deadline for something that should take a moment."""
    return Pace().deadline(seconds)


@pytest.fixture(params=BOXES)
def start(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Start a shell script; afterwards it is closed, and nothing of it may be left."""
    boxed: bool = request.param
    monkeypatch.setattr(sandbox, "available", lambda: boxed)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = proc.children(os.getpid())
    started: list[Program] = []

    def run(script: str, binary: Path | None = None, terminals: str = "") -> Program:
        argv = [str(binary), *script.split()] if binary else ["/bin/sh", "-c", script]
        if "stdin" in terminals:
            argv = sandbox.foreground(argv)
        places = {str(binary.parent): binary.parent} if binary else {}
        pipe = os.pipe() if boxed else None
        command = sandbox.command(
            argv, sandbox.View(tmp_path, places), status_fd=pipe[1] if pipe else None
        )
        names = terminals.split()
        started.append(
            Program("program", command, Journal(), cwd=tmp_path, status=pipe, terminals=names)
        )
        return started[-1]

    yield run
    for one in started:
        one.close()
    left = [pid for pid in proc.children(os.getpid()) if pid not in before]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


NATIVE_PROGRAMS = Path(__file__).with_name("native_programs")


@pytest.fixture(scope="module")
def headless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program whose main thread ends, compiled."""
    binary = tmp_path_factory.mktemp("headless") / "main_gone"
    source = NATIVE_PROGRAMS / "main_gone.c"
    command = ["gcc", "-D_GNU_SOURCE", "-pthread", source, "-o", binary]
    subprocess.run(command, check=True)
    return binary


@pytest.fixture(scope="module")
def eater(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that eats memory, compiled."""
    binary = tmp_path_factory.mktemp("eater") / "eater"
    subprocess.run(["gcc", "-O1", HOSTILE / "eats_memory.c", "-o", binary], check=True)
    return binary


# -- how it ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script, how",
    [
        ("exit 0", Ended(0, None)),
        ("exit 66", Ended(66, None)),
        ("kill -SEGV $$", "SIGSEGV"),
        ("kill -KILL $$", "SIGKILL"),
    ],
)
def test_how_it_ends(script: str, how: Ended | str, start: Start) -> None:
    """An exit status, or a signal by name."""
    ended = start(script).wait(soon())
    assert ended and how in (ended, ended.signal)


def test_it_does_not_end(start: Start) -> None:
    """At the deadline it is still running, with its process id, threads and descriptors; then it is killed."""
    running = start(LONG)
    assert running.wait(Deadline(time.monotonic() + 0.1, 0.1)) is None
    assert running.running and running.pid and running.threads() == 1 and running.descriptors() >= 3
    running.kill()
    ended = running.wait(soon())
    assert ended and ended.signal == "SIGKILL"
    assert (running.pid, running.threads(), running.resident()) == (0, 0, 0)


def main_has_ended(running: Program) -> Program:
    """Wait until the program listens, its main thread is gone, and the other one waits."""
    assert running.stdout.wait_for("^listening on", soon())
    ended, deadline = False, soon()
    while not ended and not deadline.passed:
        ended = proc.state(running.pid) == "Z" and running.state() == "S"
    assert ended and running.running
    return running


def test_a_process_without_its_main_thread(start: Start, headless: Path) -> None:
    """All that the kernel shows of one is read through another thread, and signals come to that."""
    running = main_has_ended(start("", headless))
    port = int(running.stdout.lines()[0].split()[-1])
    assert (running.threads(), running.state()) == (1, "S")
    # The unwinder, which the main thread opened to end, may have had number 3 when the socket was made.
    assert running.descriptors() >= 4 and running.free_number() >= 3
    assert running.resident() > 100_000 and running.peak_resident() >= running.resident()
    assert running.listening() == {("127.0.0.1", port): 0}
    assert proc.all_sleep(running.pid)
    running.may_open(40)
    running.signal(signal.SIGTERM, to_main=True)
    ended = running.wait(soon())
    assert ended == Ended(3, None)
    assert (proc.threads(0), proc.descriptors(0), proc.resident(0)) == ([], {}, 0)


def test_a_thread_that_ends_amid_a_look_shows_no_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A part of them would say that the others are closed; the process's next thread shows all."""
    listings = iter((["0", "4"], [], ["0", "4"]))
    links = iter(("/dev/null", FileNotFoundError(), "/dev/null", "socket:[7]"))

    def readlink(_path: Path) -> str:
        link = next(links)
        if isinstance(link, OSError):
            raise link
        return link

    monkeypatch.setattr(proc, "views", lambda _pid: iter((Path("main"), Path("other"))))
    monkeypatch.setattr(os, "listdir", lambda _path: next(listings))
    monkeypatch.setattr(os, "readlink", readlink)
    assert proc.descriptors(1) == {0: "/dev/null", 4: "socket:[7]"}


def test_nothing_is_left_of_one_without_its_main_thread(start: Start, headless: Path) -> None:
    main_has_ended(start("", headless))


def test_an_orphan_without_its_main_thread_is_ended(start: Start, headless: Path) -> None:
    """It has left the program's session, and what it was started with is not seen through its main thread."""
    running = start("in a child", headless)
    assert running.wait(soon()) == Ended(0, None)


def test_it_takes_a_signal(start: Start) -> None:
    """A signal reaches the program itself, not what it is locked up in."""
    running = start("trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
    assert running.stdout.wait_for("^ready$", soon())
    running.signal(signal.SIGTERM)
    ended = running.wait(soon())
    assert (ended, running.stdout.lines()) == (Ended(3, None), ["ready", "caught"])


def test_it_ignores_no_signal_for_our_sake(start: Start) -> None:
    """A script's background job ignores Ctrl-C, and so would all that it starts."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ended = start("kill -INT $$; exit 0").wait(soon())
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended and ended.signal == "SIGINT"


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    """That is our trouble."""
    with pytest.raises(Trouble, match="cannot start /nowhere/at-all"):
        Program("program", ["/nowhere/at-all"], Journal(), cwd=tmp_path)


# -- what it says ----------------------------------------------------------------------------------------


def test_both_outputs_are_kept(start: Start) -> None:
    """Whole, apart from each other, and in the conversation line by line; an unfinished line is no line."""
    running = start("echo one; echo two >&2; printf '\\377three'")
    running.wait(soon())
    assert (running.stdout.lines(), running.stderr.lines()) == (["one"], ["two"])
    assert running.stdout.taken() == b"one\n\xffthree" and running.stdout.text().endswith(
        "\\xffthree"
    )
    talk = running.journal.text()
    assert 'prints "one"' in talk and 'prints on stderr "two"' in talk and "exit status 0" in talk


def test_waiting_for_words(start: Start) -> None:
    """Until they come, until the deadline, or until the program's end."""
    found = start(f"echo listening on port 80; {LONG}").stdout.wait_for(r"port (\d+)$", soon())
    assert found and found[1] == "80"
    running = start(LONG)
    assert running.stdout.wait_for("more", Deadline(time.monotonic() + 0.05, 0.05)) is None
    assert running.running
    began = time.monotonic()
    assert start("echo less").stdout.wait_for("more", soon(100)) is None
    assert time.monotonic() - began < 50


def test_many_descriptors_here(start: Start) -> None:
    """A thousand clients of ours do not keep us from watching a program: select(2) would."""
    many = [os.open(os.devnull, os.O_RDONLY) for _number in range(1100)]
    try:
        running = start("echo here; exit 5")
        assert (running.wait(soon()), running.stdout.lines()) == (Ended(5, None), ["here"])
    finally:
        for fd in many:
            os.close(fd)


# -- its bounds ------------------------------------------------------------------------------------------


def stopped_for(running: Program) -> str | None:
    """The cause for which a program was ended by us."""
    ended = running.wait(soon())
    assert ended and ended.signal == "SIGKILL" and running.killed_for
    return running.killed_for.cause


@pytest.mark.parametrize("where", ["", ">&2"])
def test_a_flood(where: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and not more than the limit is kept."""
    monkeypatch.setattr(program, "MOST_OUTPUT", 1 << 20)
    running = start(f"yes {where}")
    assert stopped_for(running) == "flood"
    assert max(len(running.stdout.taken()), len(running.stderr.taken())) <= 1 << 20


SLEEPERS = f"for i in 1 2 3 4 5 6; do {LONG} & done"


@pytest.mark.parametrize("script", [f"{SLEEPERS}; wait", f"exec >&- 2>&-; {SLEEPERS}; wait"])
def test_too_many_processes(script: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing can be heard of it any more."""
    monkeypatch.setattr(program, "MOST_PROCESSES", 5)
    assert stopped_for(start(script)) == "forks"


def test_too_much_memory(start: Start, eater: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resident memory counts: address space is free."""
    monkeypatch.setattr(program, "MOST_RESIDENT", 64 << 20)
    assert stopped_for(start("", eater)) == "memory"


# -- what it leaves --------------------------------------------------------------------------------------

DAEMON = f"setsid env -i sh -c '({LONG})' >/dev/null 2>&1 </dev/null &"


@pytest.mark.parametrize(
    "script",
    [
        f"{LONG} & {LONG} & {LONG}",
        f"trap '' TERM INT HUP; kill -STOP $$; {LONG}",
        f"{DAEMON} {LONG}",
        f"{DAEMON} sleep 0.2; exit 0",
        f"sh -c '{LONG} &'; sh -c 'exit 1' & {LONG}",
        "while :; do echo noise; sleep 0.01; done & exit 0",
    ],
)
def test_nothing_is_left(script: str, start: Start) -> None:
    """Children, stopped ones, daemons without an environment, orphans, zombies: the fixture looks after them."""
    running = start(script)
    running.wait(Deadline(time.monotonic() + 0.4, 0.4))


# -- the processes that belong to it -------------------------------------------------------------------------------

FAMILY = (
    "spin() { echo up; while :; do :; done; }\n"
    "(spin) &\n(setsid sh -c 'echo up; while :; do :; done' &)\n((spin) &)\nexec sleep 1000"
)


def test_children_of_a_program_are_no_load(start: Start) -> None:
    """Children, grandchildren whose parents have ended, and processes in another session: all are its own."""
    one = start(FAMILY)
    assert one.stdout.wait_until(lambda data: data.count(b"up") == 3, soon(30.0))
    assert Pace().eventually(lambda: pace.runnable(one.everybody()) == 3, 10.0)
    one.kill()
    assert one.wait(soon()) and one.everybody() == []


# -- its terminal ----------------------------------------------------------------------------------------


def test_a_terminal_of_its_own(start: Start) -> None:
    """What is typed is read from /dev/tty as well; Ctrl-C is a signal; how the terminal is set can be seen."""
    one = start(
        "stty -echo; read a; read b </dev/tty; echo $a-$b; exec sleep 1000", None, "stdin stdout"
    )
    keys = one.keys()
    with os.fdopen(keys, "wb", buffering=0) as keyboard:
        while one.terminal_settings()[3] & termios.ECHO:
            time.sleep(0.01)
        keyboard.write(b"first\rsecond\r")
        assert one.stdout.wait_for("^first-second\r$", soon())
        keyboard.write(b"\x03")
        ended = one.wait(soon())
    assert ended and (ended.signal == "SIGINT" or ended.status == 130)
    assert b"second\r" not in one.stdout.taken().replace(b"-second\r", b"")


@pytest.mark.skipif(not sandbox.available(), reason=sandbox.refusal())
def test_processes_inside(start: Start) -> None:
    """As the sandbox's own /proc tells of them; it says nothing of one that is no sandbox's first process."""
    running = start("sleep 1000 & sleep 1000 & echo done; wait")
    if running._boxed:
        assert running.stdout.wait_for("done", soon())
        found = proc.inside(running._first)
        assert [1, 1, 1] == sorted(map(proc.thread_count, found))
    assert proc.inside(os.getpid()) == []


def test_no_thread_left_to_watch(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's trouble, and the program that nobody watches is gone."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Trouble, match="cannot watch program: can't start new thread"):
            start(LONG)
