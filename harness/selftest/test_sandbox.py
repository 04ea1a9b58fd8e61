"""The sandbox is there, or nothing runs: the decision, the filter of system calls, and programs that never got started."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commandline import LAB, Command, cause, hostile, lab, reference, verdicts
from labkit.box import connector, decision, network, sandbox, seccomp
from labkit.box.decision import Decision, NoSandbox
from labkit.box.program import Program
from labkit.build import compiler
from labkit.ground import proc
from labkit.ground.faults import Trouble
from labkit.ground.journal import Journal
from labkit.ground.pace import Pace

needs_sandbox = pytest.mark.skipif(
    not sandbox.available(), reason=f"no sandbox here: {sandbox.refusal()}"
)
NAMESPACES = subprocess.run(["unshare", "-Ur", "true"], capture_output=True)
needs_namespaces = pytest.mark.skipif(NAMESPACES.returncode != 0, reason="no user namespaces")


# -- the decision ----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nobody_has_ordered(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests ignore the order of the whole run, if there is one; and they do not wait for a minute."""
    monkeypatch.delenv(decision.ORDER, raising=False)
    monkeypatch.setattr(decision, "PAUSE_SECONDS", 0.0)


def tried(*answers: str) -> Callable[[network.Network], str]:
    """A trial that gives these answers, one after another."""
    left: Iterator[str] = iter(answers)
    return lambda _network: next(left)


def test_an_order_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried then, and the message says why."""
    monkeypatch.setenv("SANDBOX", "none")
    assert decision.decide(tried()) == Decision("switched off by SANDBOX=none")


def test_an_order_that_is_none() -> None:
    """Nobody knows what was meant: wrong arguments, and nothing runs."""
    ran = lab("check", "02", "--step", "1", env={"SANDBOX": "no"})
    assert (ran.status, ran.out) == (2, "")
    assert "SANDBOX=no means nothing here" in ran.err


@pytest.mark.parametrize("tool", decision.TOOLS)
def test_a_missing_tool_leaves_it_out(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the only thing besides an order."""
    monkeypatch.setattr("shutil.which", lambda name: None if name == tool else name)
    assert decision.decide(tried()) == Decision(f"{tool} is not installed")


def test_what_lacks_for_a_moment_is_waited_for() -> None:
    """A machine that is short of something is tried again."""
    short = "bwrap: Creating new namespace failed: Resource temporarily unavailable"
    assert decision.decide(tried(short, "No space left on device", "")) == Decision()


def test_what_lacks_for_good_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing runs, and the message says what to type and what it means."""
    monkeypatch.setattr(decision, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(NoSandbox, match="(?s)SANDBOX=none.*programs can then read") as raised:
        decision.decide(tried(*2 * ["Cannot allocate memory"]))
    assert raised.value.why == "Cannot allocate memory"


def test_what_is_forbidden_is_not_waited_for() -> None:
    """It does not go away; and it is no reason to run in the open."""
    with pytest.raises(NoSandbox, match="setting up uid map: Permission denied"):
        decision.decide(tried("bwrap: setting up uid map: Permission denied"))


class Place:
    """A network that the tests need no more of than that it can be closed."""

    def close(self) -> None:
        pass


def test_a_stopped_connector_is_not_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is tried; if none says anything, that is an error, and nothing runs in the open."""
    silent = TimeoutError("timed out")
    made: Iterator[Exception | Place] = iter([silent, Place(), silent])

    def make(_sysctls: object) -> Place:
        answer = next(made)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(network, "OwnNetwork", make)
    assert decision.decide(tried("")) == Decision()
    monkeypatch.setattr(decision, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(NoSandbox, match="timed out"):
        decision.decide(tried())


def test_a_stopped_connector_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says nothing is given up, and not left behind."""
    script = tmp_path / "silent.py"
    script.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\n", encoding="ascii")
    monkeypatch.setattr(network, "READY_SECONDS", 0.2)
    monkeypatch.setattr(connector, "__file__", str(script))
    before = proc.children(os.getpid())
    with pytest.raises(TimeoutError):
        network.OwnNetwork({})
    assert proc.children(os.getpid()) == before


def test_time_that_a_connector_did_not_have_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was stopped for half a minute, and the client's ten seconds have hardly begun."""
    clock = [100.0]
    monkeypatch.setattr("labkit.box.connector.time.monotonic", lambda: clock[0])
    patience = connector.Patience(10.0)
    clock[0] += 33.0
    assert patience.left() > 9.0
    for _step in range(200):
        clock[0] += connector.STEP / 2
        left = patience.left()
    assert left == 0.0


# -- the decision on the command line --------------------------------------------------------------------


def sandboxed(report: Path, name: str = "02-threaded-echo") -> bool | None:
    """What a lab's results.json says of the sandbox."""
    results = json.loads((report / name / "results.json").read_text(encoding="utf-8"))
    found: bool | None = results["extra_data"]["sandboxed"]
    return found


@needs_sandbox
@needs_namespaces
def test_nothing_runs_where_there_are_no_namespaces_left(tmp_path: Path) -> None:
    """Neither in the open: an error in each step, status 3, and nothing of the submission was run."""
    work = reference(tmp_path / "work")
    script = 'echo 0 >/proc/sys/user/max_net_namespaces; exec "$0" "$@"'
    inside = ["unshare", "-Ur", "bash", "-ec", script]
    ran = lab("check", "02", "--work", work, "--report", tmp_path, inside=inside)
    assert (ran.status, ran.out, ran.left) == (3, "", ())
    assert "no sandbox can be made, so nothing was run: refused" in ran.err
    assert verdicts(tmp_path) == 7 * ["error"] and sandboxed(tmp_path) is None


@needs_sandbox
def test_a_grading_decides_once(tmp_path: Path) -> None:
    """Its children do not ask again, neither the machine nor the order: they obey what they inherit."""
    work = reference(tmp_path / "work")
    options = ("--step", "1", "--check", "test_says_where_it_listens", "--report", tmp_path)
    ran = lab("check", "02", "--work", work, *options, "--left-out=", env={"SANDBOX": "none"})
    assert (ran.status, sandboxed(tmp_path)) == (0, True), ran.words
    ran = lab("check", "02", "--work", work, *options, "--left-out=said so")
    assert (ran.status, sandboxed(tmp_path)) == (0, False), ran.words
    assert f"{sandbox.UNSANDBOXED} (said so)" in ran.out


@pytest.mark.parametrize("order", ["", "none"])
def test_the_scorecard_says_where_programs_ran(order: str, tmp_path: Path) -> None:
    """And so does each results.json."""
    if not (order or sandbox.available()):
        pytest.skip(f"no sandbox here: {sandbox.refusal()}")
    (tmp_path / "work").mkdir()
    options = ("--work", tmp_path / "work", "--report", tmp_path)
    ran = lab("grade", *options, env={"SANDBOX": order})
    said = f"{sandbox.UNSANDBOXED} (switched off" if order else "all programs ran in the sandbox"
    assert said in ran.out
    assert sandboxed(tmp_path) is not bool(order)


# -- programs that never got started -------------------------------------------------------------------------------


@needs_sandbox
def test_a_sandbox_that_fails_at_the_start(tmp_path: Path) -> None:
    """That bubblewrap could not do its work is the machine's trouble: no program has ended, early or otherwise."""
    reader, writer = os.pipe()
    view = sandbox.View(tmp_path, {"/program": tmp_path / "is not there"})
    command = sandbox.command(["/usr/bin/true"], view, status_fd=writer)
    program = Program("program", command, Journal(), cwd=tmp_path, status=(reader, writer))
    try:
        with pytest.raises(Trouble, match="the sandbox of program could not be made: bwrap: "):
            program.wait(Pace().deadline(10.0))
    finally:
        program.close()


@needs_sandbox
def test_a_filter_that_is_gone_is_no_error_of_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does anything run without it."""
    (tmp_path / "x.c").write_text("int x;\n", encoding="ascii")
    monkeypatch.setattr(seccomp, "file", lambda: tmp_path / "gone")
    with pytest.raises(Trouble, match="^bwrap: .*gone"):
        compiler.compile_in(sandbox.View(tmp_path), "gcc", ["-c", "x.c", "-o", "/dev/null"])


# Stands in for bubblewrap on a machine that is short of processes whenever a program is to be started.
SHORT = """#!/bin/sh
case " $* " in
*" /program/rockets "*) echo "bwrap: Can't fork: Resource temporarily unavailable" >&2; exit 1 ;;
esac
exec {real} "$@"
"""


@needs_sandbox
@needs_namespaces
def test_what_was_never_started_fails_nobody(tmp_path: Path) -> None:
    """Though nothing listens, says a word or ends as it should: an error, and no points of any step are lost by it."""
    real, stand_in, work = tmp_path / "real", tmp_path / "stand-in", tmp_path / "work"
    shutil.copy("/usr/bin/bwrap", real)
    stand_in.write_text(SHORT.format(real=real), encoding="ascii")
    stand_in.chmod(0o755)
    reference(work, "03-rockets")
    script = f'mount --bind {stand_in} /usr/bin/bwrap; exec "$0" "$@"'
    inside = ["unshare", "-Urm", "bash", "-ec", script]
    ran = lab("check", "03", "--all", "--work", work, "--report", tmp_path, inside=inside)
    assert (ran.status, ran.left) == (3, ()) and "Traceback" not in ran.words
    assert set(verdicts(tmp_path, "03-rockets")) <= {"error", "blocked"}, ran.out
    assert "the sandbox of rockets could not be made: bwrap: Can't fork" in ran.out


@needs_sandbox
def test_a_neighbour_is_not_disturbed(tmp_path: Path) -> None:
    """Beside a program that starts threads for as long as it gets some, the reference keeps its sandbox and its points."""
    hostile(tmp_path / "hostile", "starts_threads")
    reference(tmp_path / "work")
    commands = [
        Command([LAB, "check", "02", "--step", step, *there(tmp_path / name)])
        for name, step in (("hostile", "1"), ("work", "3"))
    ]
    ended, passed = (command.wait() for command in commands)
    assert (ended.status, cause(tmp_path / "hostile")) == (1, "too-many-threads"), ended.words
    assert (passed.status, sandboxed(tmp_path / "work")) == (0, True), passed.words


def there(work: Path) -> list[str | Path]:
    """The options that grade a work directory and leave the report in it."""
    return ["--work", work, "--report", work]


# -- the filter ------------------------------------------------------------------------------------------

ARCHITECTURES = {  # the word in seccomp_data(2), and the numbers of some calls there
    "x86_64": (
        0xC000003E,
        {"read": 0, "socket": 41, "socketpair": 53, "clone": 56, "unshare": 272},
    ),
    "aarch64": (
        0xC00000B7,
        {"read": 63, "socket": 198, "socketpair": 199, "clone": 220, "unshare": 97},
    ),
}
THREAD = 0x3D0F00  # the flags of pthread_create(3)
ALLOWED, NOT_PERMITTED, NO_FAMILY = 0x7FFF0000, 0x50001, 0x50061


def answer(program: bytes, architecture: str, call: str, *arguments: int) -> int:
    """What a filter says of a call: the few instructions of classic BPF that libseccomp uses, bpf(4)."""
    word, numbers = ARCHITECTURES[architecture]
    data = [numbers[call], word, 0, 0]
    for argument in (*arguments, *(6 - len(arguments)) * [0]):
        data += [argument & 0xFFFFFFFF, argument >> 32]
    accumulator = at = 0
    while True:
        code, yes, no, k = instruction(program, at)
        at += 1
        if code == 0x20:  # ld [k]
            accumulator = data[k // 4]
        elif code == 0x54:  # and #k
            accumulator &= k
        elif code == 0x05:  # ja
            at += k
        elif code == 0x06:  # ret
            return k
        else:
            compare = {0x15: accumulator == k, 0x25: accumulator > k, 0x35: accumulator >= k}
            at += yes if compare[code] else no


def instruction(program: bytes, at: int) -> tuple[int, int, int, int]:
    """struct sock_filter: an operation, two jumps, a number."""
    raw = program[8 * at : 8 * at + 8]
    return (
        int.from_bytes(raw[:2], "little"),
        raw[2],
        raw[3],
        int.from_bytes(raw[4:], "little"),
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_filter(architecture: str) -> None:
    """On each architecture threads and the labs' sockets are let through, namespaces and all other sockets are not."""
    words = seccomp.program(architecture)

    def ask(call: str, *arguments: int) -> int:
        return answer(words, architecture, call, *arguments)

    assert ask("read", 1 << 40, 17) == ALLOWED
    assert ask("clone", THREAD) == ask("unshare", 0x600) == ALLOWED
    assert {ask("clone", THREAD | flag) for flag in seccomp.NEW} == {NOT_PERMITTED}
    assert {ask("unshare", flag) for flag in (0x80, *seccomp.NEW)} == {NOT_PERMITTED}
    for call in ("socket", "socketpair"):
        given = {f for f in (*range(300), 1 << 20, 1 << 31) if ask(call, f) == ALLOWED}
        assert given == {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}
        assert ask(call, socket.AF_INET | 1 << 40) == ALLOWED
        assert ask(call, socket.AF_PACKET | 1 << 40) == NO_FAMILY


def test_another_architecture_is_not_let_in() -> None:
    """A filter for one has no numbers of another: a process that comes from there is ended."""
    words = seccomp.program("aarch64")
    assert answer(words, "x86_64", "read") not in (ALLOWED, NOT_PERMITTED, NO_FAMILY)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a sandbox with its filter, or none."""
    monkeypatch.setattr(seccomp, "LIBRARY", "libnowhere.so.2")
    with pytest.raises(Trouble, match="libseccomp2 is not installed"):
        seccomp.program()
